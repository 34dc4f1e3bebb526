"""NIfTI as other programs write it: axes, voxel sizes, blank padding, data types."""

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest

from batchmri.archive.selection import select
from batchmri.formats.decode import DecodeTask, Refusal, decode_many
from batchmri.reasons import Reason
from batchmri.records import Series
from batchmri.settings.selection import SelectionSettings
from tests.builders import is_accounted, scan

SIZES = np.array([2.0, 3.0, 5.0])  # to the right, to the front, to the head


def _head() -> np.ndarray:
    """An RAS array in which every voxel has a different value, so that any rotation is noticed."""
    return np.arange(40 * 30 * 8, dtype=np.int16).reshape(40, 30, 8)


def _series(root: Path) -> list[Series]:
    studies, notes, walked = scan(root)
    assert is_accounted(studies, notes, walked)
    return [series for study in studies for series in study.series]


def _shown(series: Series) -> list[np.ndarray | Refusal]:
    (path,) = {ref.path for ref in series.slices}
    frames = tuple(ref.frame for ref in series.slices)
    task = DecodeTask(series.format, path, frames, series.slice_axis, series.display, 1 << 28)
    return list(decode_many([task])[0].slices)


def _save(path: Path, array: np.ndarray, affine: np.ndarray | None, **fields: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(array, affine)
    for name, value in fields.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product((1, -1), repeat=3)))
def test_however_axes_are_stored_the_same_images_are_shown(
    tmp_path: Path, axes: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    array, affine = _head(), np.diag([*SIZES, 1.0])
    stored = array.transpose(axes)[tuple(slice(None, None, flip) for flip in flips)]
    turned = np.eye(4)
    turned[:3, :3] = affine[:3, axes] * flips
    turned[:3, 3] = sum(
        affine[:3, axis] * (array.shape[axis] - 1) * (flip < 0)
        for axis, flip in zip(axes, flips, strict=True)
    )
    _save(tmp_path / "r/v.nii", stored, turned)
    (series,) = _series(tmp_path / "r")
    assert (series.plane, series.slice_spacing, series.n_slices) == ("axial", 5.0, 8)
    assert series.shown_spacing == (3.0, 2.0)
    for k, image in enumerate(_shown(series)):
        # the front on top, the right of the patient on the left
        assert np.array_equal(image, array[::-1, ::-1, k].T)


@pytest.mark.parametrize(("degrees", "plane"), [(10, "axial"), (30, "axial"), (45, "oblique")])
def test_oblique_axes(tmp_path: Path, degrees: float, plane: str) -> None:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    tilt = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    affine = np.eye(4)
    affine[:3, :3] = tilt * SIZES
    _save(tmp_path / "r/v.nii", _head(), affine)
    (series,) = _series(tmp_path / "r")
    assert (series.plane, series.slice_spacing) == (plane, 5.0)
    assert series.display.transpose and series.n_slices == 8


def test_blank_slices_that_pad_a_volume_are_left_out_one_by_one(tmp_path: Path) -> None:
    array = _head()
    array[:, :, :2] = array[:, :, -1:] = 0
    _save(tmp_path / "r/v.nii.gz", array, np.diag([*SIZES, 1.0]))
    (series,) = _series(tmp_path / "r")
    blank = [getattr(one, "reason", None) is Reason.BLANK_SLICE for one in _shown(series)]
    assert blank == [True, True, False, False, False, False, False, True]


@pytest.mark.parametrize(
    ("shape", "slices", "reason"),
    [
        ((40, 30), 1, Reason.TOO_FEW_SLICES),
        ((40, 30, 1), 1, Reason.TOO_FEW_SLICES),
        ((40, 1, 30), 1, Reason.TOO_FEW_SLICES),
        ((40, 30, 8, 1), 8, None),
        ((40, 30, 8, 3), 8, None),
        ((40, 30, 8, 1, 2), 8, None),
    ],
)
def test_any_number_of_dimensions(tmp_path: Path, shape, slices, reason) -> None:
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    _save(tmp_path / "r/v.nii", array, np.diag([3.0, 3.0, 3.0, 1.0]))
    (series,) = _series(tmp_path / "r")
    assert (series.n_slices, select(series, SelectionSettings()).reason) == (slices, reason)
    assert ("multi_volume" in series.flags) == (int(np.prod(shape[3:])) > 1)
    assert not any(isinstance(one, Refusal) for one in _shown(series))


def test_sizes_of_1_mm_with_a_default_affine_are_lost(tmp_path: Path) -> None:
    array = np.arange(60 * 50 * 20, dtype=np.int32).reshape(60, 50, 20)
    stated = np.eye(4)
    stated[:3, 3] = [-30, 12, 5]
    _save(tmp_path / "r/a_default.nii", array, np.eye(4))
    _save(tmp_path / "r/b_centered.nii", array, None)
    _save(tmp_path / "r/c_stated.nii", array, stated)
    reasons = {
        series.source[2]: (select(series, SelectionSettings()).reason, series.pixel_spacing)
        for series in _series(tmp_path / "r")
    }
    assert reasons == {
        "a": (None, None),
        "b": (None, None),
        "c": (Reason.NOT_BRAIN, (1.0, 1.0)),
    }


@pytest.mark.parametrize(
    "dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", ">i2", ">f4"]
)
def test_every_data_type(tmp_path: Path, dtype: str) -> None:
    array = np.random.default_rng(1).integers(0, 120, (40, 30, 8)).astype(dtype)
    image = nibabel.Nifti1Image(array, np.diag([*SIZES, 1.0]), dtype=array.dtype)
    (tmp_path / "r").mkdir()
    nibabel.save(image, tmp_path / "r/v.nii")
    (series,) = _series(tmp_path / "r")
    assert np.array_equal(_shown(series)[3], array[::-1, ::-1, 3].T.astype(np.float32))


@pytest.mark.parametrize("slope", [0.0, float("nan"), 1.0])
def test_an_unusable_slope_is_ignored(tmp_path: Path, slope: float) -> None:
    path = _save(tmp_path / "r/v.nii", _head(), np.diag([*SIZES, 1.0]))
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([slope, 0.0], np.float32).tobytes()
    path.write_bytes(raw)
    (series,) = _series(tmp_path / "r")
    assert np.array_equal(_shown(series)[0], _head()[::-1, ::-1, 0].T)


FOREIGN = {
    "a.mgz": b"\x1f\x8b", "b.mgh": b"\0\0\0\1" + bytes(300), "c.mha": b"ObjectType = Image\n",
    "d.mhd": b"NDims = 3\n", "e.nrrd": b"NRRD0004\n", "f.mnc": b"\x89HDF\r\n\x1a\n",
    "g.mnc": b"CDF\x01", "h.PAR": b"# === DATA DESCRIPTION FILE", "i.REC": bytes(300),
    "j.zip": b"PK\x03\x04", "k.tar.gz": b"\x1f\x8b", "l.HEAD": b"type = string", "m.7z":
    b"7z\xbc\xaf\x27\x1c", "n.BRIK": bytes(300),
}  # fmt: skip


def test_other_containers_are_named_and_skipped(tmp_path: Path) -> None:
    for name, content in FOREIGN.items():
        (tmp_path / name).write_bytes(content)
    studies, notes, walked = scan(tmp_path)
    assert is_accounted(studies, notes, walked) and not studies
    assert {note.reason for note in notes} == {Reason.UNSUPPORTED_FORMAT}
    assert all(note.detail for note in notes)
