"""Skull-stripped slices are recognized by a constant background and a dark rim."""

import numpy as np
import pytest

from batchmri.preparation.skull_stripped import is_skull_stripped


def head(
    *, scalp: float = 0.0, noise: float = 0.0, background: float = 0.0, side: int = 160
) -> np.ndarray:
    """A brain of 1000 with a gray rim; `scalp` is the brightness of a ring around dark bone."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    radius = np.hypot(x / 0.75, y / 0.9)
    image = np.full((side, side), background)
    if scalp:
        image[radius < 1] = scalp
        image[radius < 0.9] = 60  # bone
    image[radius < 0.8] = 250  # cortex and fluid
    image[radius < 0.74] = 1000
    random = np.random.default_rng(0)
    return (image + noise * np.abs(random.normal(size=image.shape))).astype(np.float32)


def test_a_brain_on_a_constant_background_is_stripped() -> None:
    assert is_skull_stripped(head())
    assert is_skull_stripped(head(side=512)) and is_skull_stripped(head(side=64))
    assert is_skull_stripped(head(background=-100) * 7)


def test_a_scalp_is_seen_even_on_a_constant_background() -> None:
    assert not is_skull_stripped(head(scalp=1200))
    assert not is_skull_stripped(head(scalp=800))


def test_a_noisy_background_is_not_stripped() -> None:
    assert not is_skull_stripped(head(noise=20))


@pytest.mark.parametrize("image", [np.zeros((40, 40)), np.ones((1, 1)), np.eye(50)])
def test_images_without_a_head_are_not_stripped(image: np.ndarray) -> None:
    assert not is_skull_stripped(image.astype(np.float32))
