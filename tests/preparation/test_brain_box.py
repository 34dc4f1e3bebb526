from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.preparation.brain_box import brain_box
from batchmri.records import CropBox

HEAD = CropBox(60, 40, 120, 160)


def head(scale: float = 1.0, offset: float = 0.0, noise: float = 0.01) -> np.ndarray:
    """Create an image of a dim brain in a bright rim, at HEAD, with noise everywhere."""
    image = np.zeros((256, 256), np.float32)
    center = (HEAD.x + HEAD.width // 2, HEAD.y + HEAD.height // 2)
    axes = (HEAD.width // 2, HEAD.height // 2)
    cv2.ellipse(image, center, axes, 0, 0, 360, 1.0, -1)
    cv2.ellipse(image, center, (axes[0] - 8, axes[1] - 8), 0, 0, 360, 0.35, -1)
    image += np.random.default_rng(0).random(image.shape).astype(np.float32) * noise
    return image * scale + offset


def assert_near(box: CropBox, expected: CropBox, tolerance: int = 4) -> None:
    assert not box.failed
    found = (box.x, box.y, box.width, box.height)
    wanted = (expected.x, expected.y, expected.width, expected.height)
    assert np.abs(np.subtract(found, wanted)).max() <= tolerance, (found, wanted)


@pytest.mark.parametrize(
    ("dtype", "scale", "offset"),
    [
        (np.uint8, 200, 0),
        (np.uint16, 4000, 0),
        (np.uint16, 60000, 0),
        (np.int16, 1500, -1024),
        (np.float32, 1e-3, 0),
        (np.uint8, 20, 0),
    ],
)
def test_finds_the_head_at_any_bit_depth(dtype: type, scale: float, offset: float) -> None:
    assert_near(brain_box(head(scale, offset).astype(dtype)), HEAD)


def test_text_and_specks_next_to_the_head_are_ignored() -> None:
    image = head(200).astype(np.uint8)
    cv2.putText(image, "R 12:30", (180, 250), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    image[:3] = 255
    image[10:14, 10:14] = 255
    assert_near(brain_box(image), HEAD)


def test_strong_noise_does_not_widen_the_box() -> None:
    assert_near(brain_box(head(noise=0.12)), HEAD, tolerance=8)


def test_boxes_of_large_images_are_in_original_pixels() -> None:
    large = cv2.resize(head(), (1024, 768))
    box = brain_box(large)
    assert_near(box, CropBox(HEAD.x * 4, HEAD.y * 3, HEAD.width * 4, HEAD.height * 3), 16)


@pytest.mark.parametrize("value", [0, 7])
def test_uniform_images_return_a_failed_box_of_full_size(value: int) -> None:
    assert brain_box(np.full((40, 60), value, np.uint8)) == CropBox(0, 0, 60, 40, failed=True)


def test_specks_are_not_heads() -> None:
    image = np.zeros((256, 256), np.uint8)
    image[100:112, 100:112] = 255
    assert brain_box(image).failed


def test_tiny_images() -> None:
    box = brain_box(np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert (box.width, box.height) == (3, 2)


def test_boxes_of_real_images_are_inside_the_border(shared_data: Path) -> None:
    files = sorted((shared_data / "brain-tumor-mri" / "Training" / "pituitary").glob("*.jpg"))
    boxes = [brain_box(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)) for file in files[::45]]
    assert not any(box.failed for box in boxes)
    assert 0.4 < np.median([box.area for box in boxes]) / 512**2 < 0.9
