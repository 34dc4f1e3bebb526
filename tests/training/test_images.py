from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest

from batchmri.errors import UsageError
from batchmri.training.images import read_gray, read_image, read_volume
from batchmri.training.table import Plane, Row

SPACING = (1.0, 2.0, 3.0)  # right-left, anterior-posterior, inferior-superior


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Volume stored in LPS+ orientation, bright at right, anterior, superior."""
    stored = np.zeros((10, 12, 14), np.float32)
    stored[1, 2, 11] = 9
    path = tmp_path / "head.nii.gz"
    nibabel.save(nibabel.Nifti1Image(stored, np.diag([-1.0, -2.0, 3.0, 1.0])), path)
    return path


@pytest.mark.parametrize(
    ("plane", "index", "place", "spacing"),
    [
        ("axial", 11, (2, 1), (2.0, 1.0)),
        ("coronal", 9, (2, 1), (3.0, 1.0)),
        ("sagittal", 8, (2, 2), (3.0, 2.0)),
    ],
)
def test_slices_have_radiological_orientation(
    volume: Path, plane: Plane, index: int, place: tuple[int, int], spacing: tuple[float, float]
) -> None:
    row = Row(volume, "notumor", "train", slice=index, plane=plane)
    image, found = read_image(row)
    assert image[place] == 9  # top: anterior or superior; left: patient's right or anterior
    assert found == pytest.approx(spacing)


def test_slice_outside_the_volume_raises(volume: Path) -> None:
    with pytest.raises(UsageError, match="no axial slice 14"):
        read_image(Row(volume, "notumor", "train", slice=14, plane="axial"))


def test_color_and_deep_images_become_gray(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "rgb.png"), np.full((4, 5, 3), 77, np.uint8))
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((4, 5), 4000, np.uint16))
    assert (read_gray(tmp_path / "rgb.png") == 77).all()
    assert (read_gray(tmp_path / "deep.png") == 4000).all()


def test_unreadable_files_raise(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    with pytest.raises(UsageError, match=r"broken\.png: not a readable image"):
        read_gray(broken)
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(b"\x1f\x8b cut")
    with pytest.raises(UsageError, match=r"cut\.nii\.gz: not a readable volume"):
        read_volume(cut)


@pytest.mark.parametrize("kind", ["jpg", "png", "bmp", "tiff"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_truncated_images_raise(tmp_path: Path, kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    whole = cv2.imencode(f".{kind}", noise)[1].tobytes()
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(whole)
    assert read_gray(path).shape == (64, 64)
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UsageError, match=rf"cut\.{kind}: (a truncated JPEG|not a readable)"):
        read_gray(path)
