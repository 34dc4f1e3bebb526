import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from batchmri.archive.assembly import assemble
from batchmri.formats.read_headers import HeaderContext, read_headers
from batchmri.geometry import display_of, plane_of
from batchmri.reasons import Reason
from batchmri.records import Instance
from tests.builders import entry, is_accounted, read, read_instance, read_note, scan


def nifti(
    path: Path, shape=(6, 7, 8), dtype=np.int16, affine=None, kind=nibabel.Nifti1Image, **fields
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = kind(
        np.zeros(shape, dtype), np.diag([2.0, 2.0, 3.0, 1.0]) if affine is None else affine
    )
    for name, value in fields.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_one_frame_per_slice_in_lps(tmp_path: Path, kind, ending) -> None:
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = [-10, -20, -30]
    found = read_instance(nifti(tmp_path / f"v{ending}", affine=affine, kind=kind))
    assert (found.format, found.refusal, found.slice_axis) == ("nifti", None, 2)
    assert (found.rows, found.columns, len(found.frames)) == (6, 7, 8)
    third = found.frames[2]
    assert (third.number, third.position) == (3, (10.0, 20.0, -24.0))
    # rows run along the first axis (to the right in RAS: against L), columns along the second
    assert third.orientation == ((0.0, -1.0, 0.0), (-1.0, 0.0, 0.0))
    assert third.pixel_spacing == (2.0, 2.0)
    assert found.study_uid.startswith("2.25.") and found.series_uid == found.instance_uid


def test_displayed_slices_have_radiological_orientation(tmp_path: Path) -> None:
    """Mark the front of the head: it must be on top of an axial slice, with right on the left."""
    array = np.zeros((6, 7, 8), np.int16)
    array[5, 6, 3] = 1  # in RAS: most right, most to the front
    array[0, 6, 3] = 2  # most left
    (frame, *_) = read_instance(nifti(tmp_path / "v.nii")).frames
    display = display_of(frame.orientation)
    shown = np.take(array, 3, axis=2)
    shown = shown.T if display.transpose else shown
    shown = shown[::-1] if display.flip_rows else shown
    shown = shown[:, ::-1] if display.flip_columns else shown
    assert shown[0, 0] == 1 and shown[0, -1] == 2


@pytest.mark.parametrize(
    ("shape", "sizes", "axis"),
    [
        ((9, 9, 9), (1, 1, 5), 2),
        ((9, 9, 9), (5, 1, 1), 0),
        ((9, 9, 9), (1, 1, 1), 2),
        ((1, 9, 9), (1, 1, 1), 0),
        ((9, 9, 4), (1, 1, 1), 2),
        ((4, 9, 9), (1, 1, 1), 0),
    ],
)
def test_slice_axis(tmp_path: Path, shape, sizes, axis) -> None:
    found = read_instance(nifti(tmp_path / "v.nii", shape, affine=np.diag([*sizes, 1.0])))
    assert found.slice_axis == axis
    assert ("lost_spacing" in found.flags) == (4 in shape)


@pytest.mark.parametrize(
    ("shape", "sizes", "axis"),
    [
        ((24, 24, 4), (1.0, 1.0, 0.6), 2),
        ((24, 4, 24), (1.0, 1.0, 1.0), 1),
        ((4, 24, 24), (1.0, 1.0, 1.3), 0),
        ((24, 12, 24), (0.9, 0.9, 0.9), 2),  # half as thick: not a slab, but the end of a head
    ],
)
def test_a_slab_is_cut_across_its_thickness(tmp_path: Path, shape, sizes, axis) -> None:
    """Regression: a coronal slab of 240 x 240 x 4 had 240 slices of 240 x 4 pixels."""
    found = read_instance(nifti(tmp_path / "v.nii", shape, affine=np.diag([*sizes, 1.0])))
    assert (found.slice_axis, len(found.frames)) == (axis, shape[axis])


def test_a_tilted_coronal_slab(tmp_path: Path) -> None:
    affine = np.array(
        [[-1.0, 0.0, 0.0, 120], [0.0, 0.1, -0.6, 90], [0.1, -1.0, -0.1, 110], [0, 0, 0, 1]]
    )
    found = read_instance(nifti(tmp_path / "v.nii", (24, 24, 4), affine=affine))
    assert (found.slice_axis, found.rows, found.columns) == (2, 24, 24)
    assert plane_of(found.frames[0].orientation) == "coronal"


def test_isotropic_volume_is_cut_axially_for_any_axes(tmp_path: Path) -> None:
    affine = np.array([[0, 0, 1.0, 0], [1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1]])
    assert read_instance(nifti(tmp_path / "v.nii", (9, 9, 9), affine=affine)).slice_axis == 1


def test_sform_takes_precedence_over_qform(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((6, 7, 8), np.int16), None)
    image.set_qform(np.diag([3.0, 1.0, 1.0, 1.0]), code=1)
    image.set_sform(np.diag([1.0, 1.0, 4.0, 1.0]), code=1)
    nibabel.save(image, tmp_path / "both.nii")
    assert read_instance(tmp_path / "both.nii").slice_axis == 2
    image.set_sform(np.zeros((4, 4)), code=1)
    nibabel.save(image, tmp_path / "singular.nii")
    assert read_instance(tmp_path / "singular.nii").slice_axis == 0
    image = nibabel.Nifti1Image(np.zeros((6, 7, 8), np.int16), None)
    nibabel.save(image, tmp_path / "none.nii")
    assert "assumed_orientation" in read_instance(tmp_path / "none.nii").flags


def test_four_dimensions_are_the_first_volume(tmp_path: Path) -> None:
    found = read_instance(nifti(tmp_path / "v.nii", (6, 7, 8, 5)))
    assert len(found.frames) == 8 and found.flags == ("multi_volume",)
    assert read_instance(nifti(tmp_path / "w.nii", (6, 7, 8, 1))).flags == ()


def test_big_endian(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header(endianness=">")
    nibabel.save(nibabel.Nifti1Image(np.zeros((6, 7, 8)), np.eye(4), header), tmp_path / "v.nii")
    assert len(read_instance(tmp_path / "v.nii").frames) == 8


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair, nibabel.AnalyzeImage])
def test_both_files_of_a_pair_are_one_series(tmp_path: Path, kind, ending) -> None:
    nifti(tmp_path / f"p/v.img{ending}", kind=kind)
    studies, notes, walked = scan(tmp_path / "p")
    (series,) = studies[0].series
    assert (series.n_files, len(series.slices), series.source) == (2, 8, "p")
    assert "companion" not in series.flags
    assert is_accounted(studies, notes, walked)


def test_incomplete_pair(tmp_path: Path) -> None:
    nifti(tmp_path / "v.img", kind=nibabel.Nifti1Pair)
    (tmp_path / "v.img").rename(tmp_path / "w.img")
    header = read_instance(tmp_path / "v.hdr")
    assert (header.refusal, header.detail) == (Reason.TRUNCATED, "its .img file is missing")
    assert read_note(tmp_path / "w.img").reason is Reason.UNSUPPORTED_FORMAT
    (tmp_path / "w.hdr").write_bytes(b"\x5c\x01\0\0" + bytes(344))
    assert read_note(tmp_path / "w.hdr").reason is read_note(tmp_path / "w.img").reason


def test_a_pair_with_a_link_outside_the_root(tmp_path: Path) -> None:
    nifti(tmp_path / "out/v.img", kind=nibabel.Nifti1Pair)
    root = tmp_path / "root"
    nifti(root / "v.img", kind=nibabel.Nifti1Pair)
    (root / "v.img").unlink()
    (root / "v.img").symlink_to(tmp_path / "out/v.img")
    assert read_instance(root / "v.hdr").detail == "its .img file is missing"
    (root / "v.hdr").unlink()
    (root / "v.hdr").symlink_to(tmp_path / "out/v.hdr")
    assert read_instance(root / "v.hdr").refusal is None, "the walk followed links on request"


def test_a_pair_whose_halves_are_links_inside_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    nifti(root / ".git/annex/objects/v.img", kind=nibabel.Nifti1Pair)
    for ending in ("hdr", "img"):
        (root / f"v.{ending}").symlink_to(f".git/annex/objects/v.{ending}")
    studies, notes, walked = scan(root)
    (series,) = studies[0].series
    assert (series.n_files, series.n_slices, notes, walked) == (2, 8, [], 2)


@pytest.mark.parametrize(
    ("dtype", "reason"),
    [
        (np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]), Reason.COLOR),
        (np.complex64, Reason.UNSUPPORTED_OBJECT),
        (np.float64, None),
        (np.int8, None),
        (np.uint32, None),
    ],
)
def test_types_of_voxels(tmp_path: Path, dtype, reason) -> None:
    assert read_instance(nifti(tmp_path / "v.nii", dtype=dtype)).refusal is reason


@pytest.mark.parametrize(
    ("name", "fields", "reason"),
    [
        ("sub-1_T1w.nii", {}, None),
        ("Post_Mask.nii.gz", {}, Reason.LABEL_MAP),
        ("sub-1_dseg.nii", {}, Reason.LABEL_MAP),
        ("brainmask.nii", {}, Reason.LABEL_MAP),
        ("Talairach_labels_1mm.nii", {}, Reason.LABEL_MAP),
        ("v.nii", {"intent_code": 1002}, Reason.LABEL_MAP),
        ("v.nii", {"intent_code": 5}, Reason.DERIVED),
        ("v.nii", {"intent_code": 1007}, Reason.UNSUPPORTED_OBJECT),
        ("v.nii", {"intent_code": 3001}, Reason.UNSUPPORTED_OBJECT),
    ],
)
def test_intent_and_purpose(tmp_path: Path, name, fields, reason) -> None:
    assert read_instance(nifti(tmp_path / name, **fields)).refusal is reason


def _patched(path: Path, header) -> Path:
    path.write_bytes(header.binaryblock + bytes(4) + path.read_bytes()[352:])
    return path


def test_invalid_dimensions(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_shape((6, 7, 8))
    header["magic"] = b"n+1"
    for dim, reason in (
        ([3, 30000, 30000, 30000, 1, 1, 1, 1], Reason.TRUNCATED),
        ([3, 6, 7, 9, 1, 1, 1, 1], Reason.TRUNCATED),
        ([3, 6, -7, 8, 1, 1, 1, 1], Reason.BAD_HEADER),
        ([0, 6, 7, 8, 1, 1, 1, 1], Reason.BAD_HEADER),
        ([9, 6, 7, 8, 1, 1, 1, 1], Reason.BAD_HEADER),
    ):
        header["dim"] = dim
        path = _patched(nifti(tmp_path / "v.nii"), header)
        found = read(path)
        assert (found.refusal if isinstance(found, Instance) else found.reason) is reason, dim


def test_invalid_numbers(tmp_path: Path) -> None:
    path = nifti(tmp_path / "v.nii")
    header = nibabel.load(path).header.copy()
    header["srow_x"] = [np.nan] * 4
    header["pixdim"] = [1, np.nan, 0, np.inf, 1, 1, 1, 1]
    header["quatern_b"] = 9
    header["qform_code"] = 1
    header["vox_offset"] = 352
    found = read_instance(_patched(path, header))
    assert len(found.frames) == 8
    assert all(frame.position is None for frame in found.frames)


def test_declared_size_above_the_maximum_gzip_ratio(tmp_path: Path) -> None:
    header = nibabel.Nifti2Header()
    header.set_data_shape((2000, 2000, 60000))
    path = tmp_path / "v.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4000)))
    found = read_instance(path)
    assert (found.refusal, found.frames) == (Reason.TRUNCATED, ())


def test_truncated_file(tmp_path: Path) -> None:
    path = nifti(tmp_path / "v.nii")
    raw = path.read_bytes()
    path.write_bytes(raw[:-10])
    assert read_instance(path).refusal is Reason.TRUNCATED
    path.write_bytes(raw[:200])
    assert read_note(path).reason is Reason.TRUNCATED


def test_studies(tmp_path: Path) -> None:
    def studies(names: tuple[str, ...], context: HeaderContext) -> int:
        entries = [entry(nifti(tmp_path / name), f"r/{name}") for name in names]
        found = read_headers(entries, context)
        return len({item.study_uid for item in found if isinstance(item, Instance)})

    by_file, by_folder = HeaderContext(b"k"), HeaderContext(b"k", "folder")
    assert studies(("a/1.nii", "a/2.nii", "b/1.nii"), by_file) == 3
    assert studies(("a/1.nii", "a/2.nii", "b/1.nii"), by_folder) == 2
    bids = (
        "sub-1/ses-1/anat/sub-1_ses-1_T1w.nii",
        "sub-1/ses-1/anat/sub-1_ses-1_T2w.nii",
        "derivatives/x/sub-1/ses-1/anat/sub-1_ses-1_desc-preproc_T1w.nii",
        "sub-1/ses-2/anat/sub-1_ses-2_T1w.nii",
    )
    assert studies(bids, by_file) == 2
    derived = read_instance(tmp_path / bids[2], f"r/{bids[2]}")
    assert derived.refusal is Reason.DERIVED
    assert read_instance(tmp_path / bids[0], f"r/{bids[0]}").header.series_description == "T1w"


def test_the_same_name_in_two_roots_is_two_series(tmp_path: Path) -> None:
    nifti(tmp_path / "x/data/v.nii")
    nifti(tmp_path / "y/data/v.nii")
    studies, notes, walked = scan(tmp_path / "x/data", tmp_path / "y/data")
    assert len({study.uid for study in studies}) == 2
    assert is_accounted(studies, notes, walked)


def test_order_of_slices(tmp_path: Path) -> None:
    affine = np.diag([2.0, 2.0, -3.0, 1.0])
    found = read_instance(nifti(tmp_path / "v.nii", affine=affine))
    (study,) = assemble([found], {})
    (series,) = study.series
    assert [ref.frame for ref in series.slices] == list(range(8, 0, -1))
    assert (series.plane, series.slice_spacing) == ("axial", 3.0)
