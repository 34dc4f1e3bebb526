"""Functions for drawing the phantom: its grid, smooth noise, soft edges and tubes.

The grid is that of the template: 1 mm, RAS+ as in NIfTI (x increases to the right, y to the front,
z to the top of the head). All lengths are in mm.
"""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Volume = npt.NDArray[np.floating[Any]]
Point = tuple[float, float, float]

ORIGIN: Point = (-98.0, -134.0, -72.0)  # world position of voxel (0, 0, 0)
SHAPE = (197, 233, 189)


def world() -> tuple[Volume, Volume, Volume]:
    """Coordinates x, y, z in mm, as arrays that broadcast to SHAPE."""
    x, y, z = (
        np.arange(n, dtype=np.float32) + np.float32(o) for n, o in zip(SHAPE, ORIGIN, strict=True)
    )
    return x[:, None, None], y[None, :, None], z[None, None, :]


def _spline(length: int, scale: float) -> Volume:
    """Cubic B-spline weights (length, knots) for knots `scale` mm apart."""
    place = np.arange(length, dtype=np.float32) / np.float32(scale) + 1
    apart = np.abs(place[:, None] - np.arange(int(length / scale) + 4, dtype=np.float32)[None])
    near = 2 / 3 - apart**2 + apart**3 / 2
    far = np.clip(2 - apart, 0, None) ** 3 / 6
    return np.asarray(np.where(apart < 1, near, far), dtype=np.float32)


def noise(rng: np.random.Generator, scale: float) -> Volume:
    """Smooth noise (SHAPE) with mean 0, standard deviation 1 and features about `scale` mm wide."""
    weights = [_spline(n, scale) for n in SHAPE]
    field = rng.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
    for weight in weights:  # each contracts the first axis and appends the new one at the end
        field = np.tensordot(field, weight, axes=(0, 1))
    return np.asarray(field / field.std(), dtype=np.float32)


def soft(distance: Volume, width: float = 0.5) -> Volume:
    """A smooth step of `width` mm from 0 (negative distances) to 1 (positive distances)."""
    return np.asarray(0.5 + 0.5 * np.tanh(distance / (2 * width)), dtype=np.float32)


def band(distance: Volume, low: Volume | float, high: Volume | float, width: float = 0.5) -> Volume:
    """1 between `low` and `high`, with smooth edges to 0."""
    return soft(distance - low, width) * soft(high - distance, width)


def blend(signal: Volume, weight: Volume, value: Volume | float) -> Volume:
    """Blend `value` into `signal` by weight."""
    return np.asarray(signal + np.clip(weight, 0, 1) * (value - signal), dtype=np.float32)


def tube(points: list[Point], radius: float) -> Volume:
    """Signed distance in mm to a curved tube, positive inside; -99 far away."""
    low = np.floor(np.min(points, axis=0) - ORIGIN - radius - 6).astype(int).clip(0)
    high = np.ceil(np.max(points, axis=0) - ORIGIN + radius + 6).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    line = np.concatenate([np.linspace(a, b, 60) for a, b in itertools.pairwise(points)])
    place = np.rint(line - ORIGIN).astype(int) - low
    empty = np.ones([min(b, n) - a for a, b, n in zip(low, high, SHAPE, strict=True)], dtype=bool)
    place = np.clip(place, 0, np.array(empty.shape) - 1)
    empty[place[:, 0], place[:, 1], place[:, 2]] = False
    distance = np.full(SHAPE, -99, dtype=np.float32)
    distance[box] = radius - ndimage.distance_transform_edt(empty)
    return distance


def warp(volume: Volume, shift: tuple[Volume, Volume, Volume]) -> Volume:
    """The volume sampled at the position of every voxel plus `shift` (mm)."""
    places = [axis - o + s for axis, o, s in zip(world(), ORIGIN, shift, strict=True)]
    read = ndimage.map_coordinates(volume, places, order=1, output=np.float32)
    return np.asarray(read, dtype=np.float32)
