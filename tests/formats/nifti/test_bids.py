import pytest

from batchmri.formats.nifti.bids import (
    description_of,
    is_derivative,
    is_label_map,
    sidecar_stems,
    subject_folder,
)


@pytest.mark.parametrize(
    ("source", "visit"),
    [
        ("r/sub-1/anat/sub-1_T1w.nii.gz", "r/sub-1"),
        ("r/sub-1/ses-a/anat/sub-1_ses-a_T1w.nii.gz", "r/sub-1/ses-a"),
        ("r/derivatives/fmriprep/sub-1/ses-a/anat/x_T1w.nii", "r/sub-1/ses-a"),
        ("r/set/sub-1/sub-1_ses-b_T1w.nii", "r/set/sub-1/ses-b"),
        ("r/sub-1_ses-b_T1w.nii", "r/sub-1/ses-b"),
        ("r/subject/T1.nii", ""),
        ("T1.nii", ""),
    ],
)
def test_visit(source: str, visit: str) -> None:
    assert subject_folder(source) == visit


def test_derivatives_only_below_a_root() -> None:
    assert is_derivative("r/derivatives/x/sub-1/T1w.nii")
    assert not is_derivative("derivatives/sub-1/T1w.nii")
    assert not is_derivative("r/sub-1/derivatives.nii")


def test_labels_by_name() -> None:
    for name in ("x_mask", "brainmask", "sub-1_dseg", "seg", "tumor_label", "aparc+aseg"):
        assert is_label_map(f"r/{name}.nii.gz"), name
    for name in ("t1", "segovia_t1", "unmasked", "sub-1_T1w"):
        assert not is_label_map(f"r/{name}.nii.gz"), name


def test_description_names_no_subject() -> None:
    assert description_of("r/sub-1_ses-2_acq-fast_T1w.nii.gz") == "acq-fast_T1w"
    assert description_of("r/Post_Scan_T1.hdr") == "Post_Scan_T1"


def test_sidecars_nearest_first() -> None:
    path = "/data/set/sub-1/ses-a/anat/sub-1_ses-a_run-2_T1w.nii.gz"
    assert list(sidecar_stems(path, 4)) == [
        "/data/set/sub-1/ses-a/anat/sub-1_ses-a_run-2_T1w",
        "/data/set/sub-1/ses-a/sub-1_ses-a_run-2_T1w",
        "/data/set/sub-1/ses-a/sub-1_ses-a_T1w",
        "/data/set/sub-1/sub-1_run-2_T1w",
        "/data/set/sub-1/sub-1_T1w",
        "/data/set/run-2_T1w",
        "/data/set/T1w",
    ]


@pytest.mark.parametrize(
    ("path", "depth", "folders"),
    [
        ("/data/set/sub-1/anat/sub-1_T1w.nii", 2, {"/data/set/sub-1", "/data/set/sub-1/anat"}),
        ("/data/set/sub-1/anat/sub-1_T1w.nii", 1, {"/data/set/sub-1/anat"}),
        ("/data/set/sub-1/anat/sub-1_T1w.nii", 0, {"/data/set/sub-1/anat"}),
        ("/data/set/scans/T1.nii", 3, {"/data/set/scans"}),
        ("sub-1/sub-1_T1w.nii", 1, {"sub-1"}),
    ],
)
def test_no_sidecar_above_the_root_or_outside_bids(
    path: str, depth: int, folders: set[str]
) -> None:
    assert {stem.rpartition("/")[0] for stem in sidecar_stems(path, depth)} == folders


def test_a_name_with_many_entities_has_few_candidates() -> None:
    name = "_".join(f"k{n}-{n}" for n in range(40))
    assert len(list(sidecar_stems(f"/set/sub-1/func/sub-1_{name}_bold.nii", 3))) < 200
