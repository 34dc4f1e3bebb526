"""Noise, air and a few bright pixels are blank; a faint or noisy head is not."""

import cv2
import numpy as np
import pytest

from batchmri.formats.blank import structure, why_blank
from batchmri.formats.decode_task import Refusal
from batchmri.formats.orientation import finish
from batchmri.preparation.transforms import PreparationSettings, prepare
from batchmri.reasons import Reason
from batchmri.records import Display

SIDE = 256


def magnitude_noise(side: int = SIDE, *, zero_filled: int = 1, coils: int = 1) -> np.ndarray:
    """Noise of magnitude images, from one coil or several, of a smaller zero-filled matrix."""
    rng = np.random.default_rng(side + zero_filled + coils)
    n, total = side // zero_filled, np.zeros((side, side))
    for _ in range(coils):
        kspace = np.zeros((side, side), complex)
        low = (side - n) // 2
        kspace[low : low + n, low : low + n] = rng.normal(size=(2, n, n)).T @ [1, 1j]
        total += np.abs(np.fft.ifft2(np.fft.ifftshift(kspace))) ** 2
    noise = np.sqrt(total)
    return (noise / noise.mean()).astype(np.float32)


def ellipse(height: int, width: int, side: int = SIDE) -> np.ndarray:
    """A bright rim around a darker inside, like a head."""
    image = np.zeros((side, side), np.float32)
    middle = (side // 2, side // 2)
    cv2.ellipse(image, middle, (width // 2, height // 2), 0, 0, 360, 1.0, -1)
    cv2.ellipse(
        image, middle, (max(1, width // 2 - 8), max(1, height // 2 - 8)), 0, 0, 360, 0.4, -1
    )
    return image


@pytest.mark.parametrize(
    ("side", "zero_filled"), [(64, 1), (64, 2), (128, 2), (256, 1), (256, 4), (512, 4)]
)
@pytest.mark.parametrize("coils", [1, 8])
def test_noise_is_blank(side: int, zero_filled: int, coils: int) -> None:
    noise = magnitude_noise(side, zero_filled=zero_filled, coils=coils)
    assert why_blank(np.rint(30 * noise).astype(np.float32)) == "noise without structure"
    # A few gray levels, like air if the scanner scales to the brain.
    assert why_blank(np.rint(2 * noise).astype(np.float32)) == "noise without structure"


def test_noise_with_coil_shading_is_blank() -> None:
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    shading = 1 + 2 * np.exp(-(x**2 + y**2) / 0.5)
    for coils in (1, 8):
        noise = magnitude_noise(zero_filled=2, coils=coils) * shading
        assert why_blank(noise.astype(np.float32)) == "noise without structure"


def test_a_few_bright_pixels_in_noise_or_air_are_blank() -> None:
    noise = 20 * magnitude_noise()
    noise[100:108, 100:112] = 2000
    assert why_blank(noise) == "noise without structure"
    air = np.zeros((SIDE, SIDE), np.float32)
    air[100:112, 100:112] = 2000
    assert why_blank(air) == "144 pixels differ from the background"


@pytest.mark.parametrize("size", [24, 40, 80, 200])
@pytest.mark.parametrize("strength", [5, 10, 50])
def test_a_head_of_any_size_and_noise_is_not_blank(size: int, strength: float) -> None:
    """The smallest is the tip of the vertex in strong noise."""
    image = strength * ellipse(size, size) + magnitude_noise()
    assert structure(image) > 0.15
    assert why_blank(image) == ""


def test_padding_with_a_constant_around_noise_is_blank() -> None:
    padded = np.zeros((SIDE, SIDE), np.float32)
    padded[:, 40:216] = np.rint(3 * magnitude_noise()[:, 40:216])
    refusal = finish(padded, Display())
    assert isinstance(refusal, Refusal)
    assert refusal == Refusal(Reason.BLANK_SLICE, "noise without structure")


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (63, 100)])
def test_images_too_small_to_evaluate_are_not_blank(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).random(shape).astype(np.float32)
    assert structure(image) == 1.0


def test_extreme_values() -> None:
    image = ellipse(120, 120) * np.float32(3e38)
    assert why_blank(image) == ""


@pytest.mark.parametrize("start", [0, 3])
def test_differing_pixels_are_all_counted_wherever_pixels_are_sampled(start: int) -> None:
    for differing, is_few in ((327, True), (328, False)):
        image = np.full((SIDE, SIDE), 7, np.float32)
        image[start::8, start::8].flat[:differing] = 5
        found = why_blank(image)
        assert (found == f"{differing} pixels differ from the background") == is_few


@pytest.mark.parametrize("factor", [1e-44, 1e-40, 1e-20, 1e20, 7e37])
def test_noise_of_any_scale_is_blank(factor: float) -> None:
    noise = (magnitude_noise() - 1) * np.float32(factor)
    assert finish(noise, Display()) == Refusal(Reason.BLANK_SLICE, "noise without structure")


@pytest.mark.parametrize("factor", [1e-39, 1e-20, 1.0, 1e20, 1e38, 3.3e38])
def test_heads_of_any_scale_are_prepared_alike(factor: float) -> None:
    head = ellipse(150, 120) + np.float32(0.02) * magnitude_noise()
    head = 2 * np.clip(head, 0, 1) - 1  # to both ends of the range
    settings = PreparationSettings()
    expected = prepare(head[None], (1, 1), settings)
    image = finish(head * np.float32(factor), Display())
    assert isinstance(image, np.ndarray)
    found = prepare(image[None], (1, 1), settings)
    assert found.boxes == expected.boxes
    np.testing.assert_allclose(found.pixels, expected.pixels, atol=1e-3)
