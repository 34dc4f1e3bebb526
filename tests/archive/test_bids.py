import pytest

from batchmri.archive.bids import description_of, is_derivative, is_label_map, subject_folder


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


def test_derivatives_below_a_root_only() -> None:
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
