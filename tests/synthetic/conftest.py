from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.synthetic.head import Head
from batchmri.training.table import Plane, Row

MakeHead = Callable[..., Head]


@pytest.fixture
def make_head() -> MakeHead:
    """Factory of artificial axial heads, with an optional bright tumor at (down, across)."""

    def make(
        name: str = "a",
        tumor: tuple[int, int] | None = None,
        label: str = "notumor",
        source: str = "made up",
        plane: Plane | None = "axial",
        noise: int = 0,
    ) -> Head:
        image = drawn_head(noise)
        mask = None
        if tumor is not None:
            area = np.zeros(image.shape, np.uint8)
            cv2.circle(area, (tumor[1], tumor[0]), 14, 1, -1)
            mask = area > 0
            image[mask] = 250
        row = Row(Path(name), label, "train", source=source, patient=name, mask=Path(name))
        return Head(row, image, mask, 1.0, plane)

    return make


def drawn_head(noise: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Draw scalp, brain, ventricles and a different shape in each quadrant."""
    image = np.zeros((256, 208), np.uint8)
    cv2.ellipse(image, (104, 128), (103, 127), 0, 0, 360, 200, -1)
    cv2.ellipse(image, (104, 128), (94, 118), 0, 0, 360, 110, -1)
    for across in (84, 124):
        cv2.ellipse(image, (across, 120), (10, 34), 0, 0, 360, 40, -1)
    cv2.circle(image, (60, 60), 16, 140, -1)
    cv2.circle(image, (150, 190), 20, 85, -1)
    cv2.rectangle(image, (40, 170), (70, 200), 130, -1)
    gyri = np.random.default_rng(0).normal(0, 20, image.shape)
    grain = np.random.default_rng(noise).normal(0, 4, image.shape)
    grainy = image + (gyri + grain) * (image > 0)
    return cv2.GaussianBlur(np.clip(grainy, 0, 255).astype(np.uint8), (5, 5), 0)
