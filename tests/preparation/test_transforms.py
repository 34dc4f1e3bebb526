import cv2
import numpy as np
import pytest
import torch

from batchmri.preparation.heatmap_projection import map_to_slice
from batchmri.preparation.monai_transforms import monai_transforms
from batchmri.preparation.transforms import PreparationSettings, prepare, prepare_mask
from batchmri.records import CropBox

SETTINGS = PreparationSettings(size=160)
SPOT = (110, 96)  # row, column


def head(rows: int = 220, columns: int = 200) -> np.ndarray:
    image = np.zeros((rows, columns), np.float32)
    cv2.ellipse(image, (columns // 2, rows // 2), (70, 90), 0, 0, 360, 300, -1)
    cv2.ellipse(image, (columns // 2 - 20, rows // 2 + 10), (12, 20), 0, 0, 360, 120, -1)
    return image


def test_shape_range_and_boxes() -> None:
    prepared = prepare(np.stack([head(), head() * 4]), (1, 1), SETTINGS)
    assert prepared.pixels.shape == (2, 1, 160, 160)
    assert prepared.pixels.dtype == np.float32
    assert prepared.pixels.min() == pytest.approx(SETTINGS.black)
    assert prepared.pixels.max() == pytest.approx(SETTINGS.white)
    assert len(prepared.boxes) == 2


def test_gray_levels_do_not_depend_on_the_scanner() -> None:
    plain, scaled = prepare(np.stack([head(), head() * 11 + 70]), (1, 1), SETTINGS).pixels
    assert np.allclose(plain, scaled, atol=1e-4)


def test_slices_are_prepared_independently() -> None:
    alone = prepare(head()[None], (1, 1), SETTINGS).pixels[0]
    company = prepare(np.stack([head() * 9, head(), head()[::-1]]), (1, 1), SETTINGS).pixels[1]
    assert np.array_equal(alone, company)


def test_result_is_reproducible_and_input_unchanged() -> None:
    slices = head()[None]
    before = slices.copy()
    assert np.array_equal(*(prepare(slices, (1, 1), SETTINGS).pixels for _ in range(2)))
    assert np.array_equal(slices, before)


def test_pixels_become_square() -> None:
    # Twice as many columns at half the spacing represent the same head.
    wide = cv2.resize(head(), (400, 220), interpolation=cv2.INTER_LINEAR)
    square = prepare(head()[None], (1.0, 1.0), SETTINGS).pixels
    narrow_pixels = prepare(wide[None], (1.0, 0.5), SETTINGS).pixels
    assert np.abs(square - narrow_pixels).mean() < 0.05
    assert np.abs(square - prepare(wide[None], (1.0, 1.0), SETTINGS).pixels).mean() > 0.1


def test_integer_types_are_accepted() -> None:
    as_float = prepare(head()[None], (1, 1), SETTINGS).pixels
    assert np.array_equal(prepare(head()[None].astype(np.int16), (1, 1), SETTINGS).pixels, as_float)


def test_blank_slices_become_black() -> None:
    prepared = prepare(np.zeros((1, 64, 64), np.float32), (1, 1), SETTINGS)
    assert prepared.boxes[0].failed
    assert (prepared.pixels == SETTINGS.black).all()


@pytest.mark.parametrize("size", [64, 160, 240])
@pytest.mark.parametrize("shape", [(64, 48), (220, 200), (301, 517)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.43, 0.9), (1.7, 0.6)])
def test_preparation_equals_the_monai_transforms(
    size: int, shape: tuple[int, int], spacing: tuple[float, float]
) -> None:
    settings = PreparationSettings(size=size)
    noise = np.random.default_rng(size).normal(0, 40, shape).astype(np.float32)
    image = cv2.resize(head(), shape[::-1]) + noise
    prepared = prepare(image[None], spacing, settings)
    transforms = monai_transforms(image, prepared.boxes[0], spacing, settings)
    expected = transforms(torch.from_numpy(image)[None]).numpy()
    assert expected.std() > 0.2
    assert np.abs(prepared.pixels[0] - expected).max() <= 5e-7


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 1.5), (1.4, 0.7)])
def test_bright_spot_is_projected_to_its_position(spacing: tuple[float, float]) -> None:
    image = head()
    cv2.circle(image, SPOT[::-1], 9, 2000, -1)
    prepared = prepare(image[None], spacing, SETTINGS)
    heat = prepared.pixels[0, 0] > 0.99
    back = map_to_slice(heat.astype(np.float32), prepared.boxes[0], spacing, image.shape)
    center = np.array(np.nonzero(back > 0.5)).mean(1)
    assert np.abs(center - SPOT).max() < 1.5


def test_coarse_map_is_projected_to_its_position() -> None:
    box = CropBox(20, 10, 100, 160)
    heat = np.zeros((10, 10), np.float32)
    heat[2, 7] = 1
    back = map_to_slice(heat, box, (1.0, 1.0), (200, 200))
    # The box is 160 mm high and 100 wide: a cell is 16 mm, 30 mm of padding on either side.
    row, column = np.unravel_index(back.argmax(), back.shape)
    assert abs(row - (10 + 2.5 * 16)) <= 1
    assert abs(column - (20 + 7.5 * 16 - 30)) <= 1
    assert back[:, :20].max() == back[:, 120:].max() == back[:10].max() == back[170:].max() == 0


def test_masks_have_the_geometry_of_their_slice() -> None:
    image = head()
    mask = np.zeros(image.shape, np.uint8)
    cv2.circle(mask, SPOT[::-1], 9, 255, -1)
    image[mask > 0] = 2000
    prepared = prepare(image[None], (1.0, 1.3), SETTINGS)
    moved = prepare_mask(mask, prepared.boxes[0], (1.0, 1.3), 160)
    assert moved.shape == (1, 160, 160)
    assert moved.min() >= 0 and moved.max() <= 1
    bright = prepared.pixels[0] > 0.9
    inside = moved > 0.5
    assert (bright & inside).sum() / (bright | inside).sum() > 0.85
