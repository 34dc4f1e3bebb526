"""Detection of duplicate images, up to flips, rotations by 90° and re-encoding.

A perceptual hash (signs of low-frequency DCT coefficients, as in pHash: Zauner 2010) proposes
pairs, and the Pearson correlation of the reduced images confirms them. Flipping or rotating an
image permutes its DCT coefficients and changes their signs, so one transform is enough for all
eight orientations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from batchmri.audit.files import SIDE, AuditedImage, Bytes

HASH_DISTANCE = 10  # of 63 bits
CORRELATION = 0.981  # see docs/data-audit.md: adjacent slices reach 0.98
ORIENTATIONS = (
    "same",
    "mirrored",
    "upside down",
    "turned 180",
    "transposed",
    "turned 90 right",
    "turned 90 left",
    "transposed across",
)
_FREQUENCIES = 8
_BLOCK = 256
Hashes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Link:
    """A pair of duplicates: the second, turned by ORIENTATIONS[`orientation`], equals the first."""

    first: int
    second: int
    orientation: int
    correlation: float


def oriented(images: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Return images (…, side, side) in one of the ORIENTATIONS."""
    if orientation & 4:
        images = images.swapaxes(-1, -2)
    if orientation & 2:
        images = images[..., ::-1, :]
    if orientation & 1:
        images = images[..., ::-1]
    return images


def inverse(orientation: int) -> int:
    """Return the inverse of an orientation; only the two rotations by 90° are not their own."""
    return {5: 6, 6: 5}.get(orientation, orientation)


def exact_links(images: Sequence[AuditedImage]) -> Iterator[Link]:
    """Link each image to the first one with identical pixels."""
    first: dict[bytes, int] = {}
    for index, image in enumerate(images):
        other = first.setdefault(image.pixel_digest, index)
        if other != index:
            yield Link(other, index, 0, 1.0)


def near_links(small: Bytes) -> Iterator[tuple[int, list[Link]]]:
    """Yield, for blocks of 256 images, the number of images in the block and their links.

    `small` (n, SIDE, SIDE) contains the reduced images, without blank ones, which resemble
    everything. Time is O(n²), memory O(n).
    """
    hashes = _hashes(small)
    flat = small.reshape(-1, SIDE**2)
    means = flat.mean(1, dtype=np.float64)
    spreads = flat.std(1, dtype=np.float64)
    for start in range(0, len(small), _BLOCK):
        best: dict[tuple[int, int], Link] = {}
        for orientation in range(len(ORIENTATIONS)):
            for one, other in _candidate_pairs(hashes, orientation, start):
                products = np.einsum(
                    "nij,nij->n",
                    small[one].astype(np.float32),
                    oriented(small[other], orientation).astype(np.float32),
                    dtype=np.float64,
                )
                correlation = products / SIDE**2 - means[one] * means[other]
                correlation /= spreads[one] * spreads[other]
                for k in np.flatnonzero(correlation >= CORRELATION):
                    pair = int(one[k]), int(other[k])
                    if pair not in best or best[pair].correlation < correlation[k]:
                        best[pair] = Link(*pair, orientation, float(correlation[k]))
        yield len(small[start : start + _BLOCK]), list(best.values())


def _candidate_pairs(
    hashes: Sequence[Hashes], orientation: int, start: int
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield pairs of images with close hashes, the first in the block, up to 2048 at a time."""
    block = hashes[0][start : start + _BLOCK, None]
    distance = np.bitwise_count(block ^ hashes[orientation][None, start:])
    one, other = np.nonzero(distance <= HASH_DISTANCE)
    once = one < other
    one, other = one[once] + start, other[once] + start
    for cut in range(0, len(one), 2048):
        yield one[cut : cut + 2048], other[cut : cut + 2048]


def _hashes(small: Bytes) -> list[Hashes]:
    """Return the hashes of all images, an array (n,) for each orientation."""
    coefficients = np.concatenate(
        [_dct_coefficients(small[cut : cut + 1024]) for cut in range(0, max(len(small), 1), 1024)]
    )
    signs = np.where(np.arange(_FREQUENCIES) % 2, -1.0, 1.0).astype(np.float32)
    hashes = []
    for orientation in range(len(ORIENTATIONS)):
        turned = coefficients.swapaxes(1, 2) if orientation & 4 else coefficients
        if orientation & 2:
            turned = turned * signs[:, None]
        if orientation & 1:
            turned = turned * signs
        bits = turned.reshape(-1, _FREQUENCIES**2) > 0
        bits[:, 0] = False  # the mean carries no information about shape
        hashes.append(np.packbits(bits, axis=1).view(np.uint64).ravel())
    return hashes


def _dct_coefficients(small: Bytes) -> Floats:
    """Return the lowest 8 × 8 coefficients (n, 8, 8) of the unscaled cosine transform (DCT-II)."""
    places = (2 * np.arange(SIDE) + 1) * np.pi / (2 * SIDE)
    basis = np.cos(np.arange(_FREQUENCIES)[:, None] * places).astype(np.float32)
    return np.asarray(basis @ small.astype(np.float32) @ basis.T, np.float32)
