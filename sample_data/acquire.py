"""Simulated acquisition of a stack of slices: slice profile, coil, k-space and noise."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from shapes import ORIGIN, Volume, noise, soft, world

Vector = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint16]

_WHITE_MATTER = 720.0  # stored value of white matter; scalp then stays within 12 bits
_PROFILE = np.linspace(-0.4, 0.4, 7)  # sampled positions across a slice, relative to its thickness


@dataclass(frozen=True, slots=True)
class Stack:
    """Geometry of the slices of a series: RAS+ in mm; `row` points to the right in the image."""

    center: tuple[float, float, float]
    row: tuple[float, float, float]
    column: tuple[float, float, float]
    n_slices: int
    spacing: float  # mm between slice centers
    thickness: float  # mm
    pixel: float  # mm
    size: int  # rows = columns
    kept: tuple[float, float] = (1.0, 0.8)  # share of k-space measured (columns, rows)

    @property
    def normal(self) -> Vector:
        """Direction from the first slice to the last: the cross product of row and column."""
        return np.asarray(np.cross(self.row, self.column), dtype=np.float64)

    def position(self, index: int) -> Vector:
        """World position of the first pixel of a slice."""
        along = (index - (self.n_slices - 1) / 2) * self.spacing
        half = (self.size - 1) / 2 * self.pixel
        corner = -half * (np.asarray(self.row) + np.asarray(self.column))
        return np.asarray(self.center + along * self.normal + corner, dtype=np.float64)


def _coil(rng: np.random.Generator) -> Volume:
    """Sensitivity of a head coil, which varies over the head and is weak below the skull."""
    z = world()[2]
    return (1.0 + 0.07 * noise(rng, 90)).astype(np.float32) * soft(z + 60, 4)


def _sample(head: Volume, stack: Stack, index: int) -> npt.NDArray[np.float64]:
    """Signal of one slice, averaged over its profile."""
    rows, columns = np.meshgrid(np.arange(stack.size), np.arange(stack.size), indexing="ij")
    plane = (
        stack.position(index)[:, None, None]
        + np.multiply.outer(np.asarray(stack.row) * stack.pixel, columns)
        + np.multiply.outer(np.asarray(stack.column) * stack.pixel, rows)
        - np.asarray(ORIGIN)[:, None, None]
    )
    depths = _PROFILE * stack.thickness
    layers = [
        ndimage.map_coordinates(head, plane + d * stack.normal[:, None, None], order=1)
        for d in depths
    ]
    return np.asarray(np.mean(layers, axis=0), dtype=np.float64)


def _measure(
    signal: npt.NDArray[np.float64], stack: Stack, sigma: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Reconstruct from truncated k-space: limited resolution, ringing, Rician noise of `sigma`."""
    space = np.fft.fftshift(np.fft.fft2(signal, norm="ortho"))
    space += sigma * (rng.standard_normal(space.shape) + 1j * rng.standard_normal(space.shape))
    at = np.abs(np.linspace(-1, 1, stack.size))
    window = [0.5 - 0.5 * np.tanh((at - share * 0.97) / 0.04) for share in stack.kept]
    space *= np.outer(window[1], window[0])
    return np.abs(np.fft.ifft2(np.fft.ifftshift(space), norm="ortho"))


def scan(head: Volume, stack: Stack, seed: int, sigma: float = 0.03) -> list[Picture]:
    """The slices of a stack, with 12 of 16 bits; `sigma` is the noise relative to white matter."""
    seen = head * _coil(np.random.default_rng(seed))
    pictures = []
    for index in range(stack.n_slices):
        rng = np.random.default_rng([seed, index])
        signal = _measure(_sample(seen, stack, index), stack, sigma, rng)
        pictures.append(np.clip(np.rint(signal * _WHITE_MATTER), 0, 4095).astype(np.uint16))
    return pictures
