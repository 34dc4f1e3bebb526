from collections.abc import Callable
from pathlib import Path

import cv2
import nibabel
import numpy as np

from batchmri.synthetic.head import Head, head_area, read_head
from batchmri.training.table import Row

MakeHead = Callable[..., Head]


def test_image_and_mask_are_cropped_and_scaled_together(
    tmp_path: Path, make_head: MakeHead
) -> None:
    head = make_head(tumor=(190, 110))
    assert head.mask is not None
    for name, image in (("p.png", head.image), ("m.png", head.mask.astype(np.uint8) * 255)):
        wide = cv2.copyMakeBorder(image, 30, 50, 40, 20, cv2.BORDER_CONSTANT, value=0)
        cv2.imwrite(str(tmp_path / name), cv2.resize(wide, None, fx=2, fy=2))
    row = Row(tmp_path / "p.png", "glioma", "train", mask=tmp_path / "m.png")
    read = read_head(row)
    assert read is not None and read.mask is not None
    assert max(read.image.shape) == 256 and read.mask.shape == read.image.shape
    assert abs(read.aspect - head.aspect) < 0.03
    assert read.image[read.mask].mean() > 200 > read.image[~read.mask].mean()
    assert read.pitch == 1


def test_slices_have_depth_and_pitch(tmp_path: Path, make_head: MakeHead) -> None:
    small = cv2.resize(make_head().image, (104, 128), interpolation=cv2.INTER_AREA)
    volume = np.stack([small[::-1, ::-1].T] * 10, axis=2)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([2.0, 2.0, 5.0, 1.0])), tmp_path / "v.nii")
    head = read_head(Row(tmp_path / "v.nii", "notumor", "train", slice=2, plane="axial"))
    assert head is not None
    assert head.depth == 0.25 and 1.9 < head.pitch < 2.1


def test_blank_images_have_no_head(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "blank.png"), np.zeros((64, 64), np.uint8))
    assert read_head(Row(tmp_path / "blank.png", "notumor", "train")) is None


def test_cavities_are_part_of_the_head(make_head: MakeHead) -> None:
    image = make_head().image
    cv2.circle(image, (104, 180), 20, 0, -1)
    area = head_area(image)
    assert area[180, 104] and not area[2, 2]
