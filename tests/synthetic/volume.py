"""A generated volume of a head: scalp, and brain with a fine texture."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np

ZOOMS = (2.0, 2.0, 2.0)
LENGTH = 190.0  # mm
ORIGIN = (46.0, 8.0, 108.0)  # midline, occiput and vertex, in voxels
_SHAPE = (92, 112, 112)
_HALF = (72.0, LENGTH / 2, 85.0)  # mm


@lru_cache(maxsize=3)
def drawn_volume(seed: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Draw an ellipsoid head on an RAS+ grid."""
    middle = (ORIGIN[0], ORIGIN[1] + LENGTH / 4, ORIGIN[2] - _HALF[2] / 2)
    grid = np.ogrid[tuple(slice(0, side) for side in _SHAPE)]
    distance = sum(
        ((axis - center) * 2.0 / half) ** 2
        for axis, center, half in zip(grid, middle, _HALF, strict=True)
    )
    random = np.random.default_rng(seed)
    texture = random.normal(0, 40, _SHAPE).astype(np.float32)
    for index in range(_SHAPE[2]):
        texture[:, :, index] = cv2.GaussianBlur(texture[:, :, index], (0, 0), 0.8)
    volume = np.where(distance < 1, 200.0, 0.0) + np.where(distance < 0.86, -90.0 + texture, 0.0)
    return volume.clip(0, 255).astype(np.float32)
