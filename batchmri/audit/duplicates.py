"""Pictures that show the same image, up to flips, quarter turns and re-encoding.

A perceptual hash (signs of low cosine frequencies, as in pHash: Zauner 2010) proposes pairs; the
Pearson correlation of the reduced pictures confirms them. A turned picture has the same cosine
coefficients in other places and with other signs, so all eight orientations cost one transform.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from batchmri.audit.files import SIDE, Bytes, Picture

HASH_DISTANCE = 10  # of 63 bits
CORRELATION = 0.981  # chosen in docs/data-audit.md: neighbouring slices reach 0.98
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
    """Two pictures with the same image: the second, turned as `orientation` says, is the first."""

    first: int
    second: int
    orientation: int
    correlation: float


def oriented(pictures: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Pictures (…, side, side) in one of the ORIENTATIONS."""
    if orientation & 4:
        pictures = pictures.swapaxes(-1, -2)
    if orientation & 2:
        pictures = pictures[..., ::-1, :]
    if orientation & 1:
        pictures = pictures[..., ::-1]
    return pictures


def inverse(orientation: int) -> int:
    """The orientation that undoes this one: only the two quarter turns differ from themselves."""
    return {5: 6, 6: 5}.get(orientation, orientation)


def exact_links(pictures: Sequence[Picture]) -> Iterator[Link]:
    """Each picture with the first one that has its very pixels."""
    first: dict[bytes, int] = {}
    for index, picture in enumerate(pictures):
        other = first.setdefault(picture.pixel_digest, index)
        if other != index:
            yield Link(other, index, 0, 1.0)


def near_links(small: Bytes) -> Iterator[tuple[int, list[Link]]]:
    """Links between reduced pictures (n, SIDE, SIDE), and how many pictures these are the links of.

    In blocks of 256. Leave out blank pictures, which resemble everything. Time grows with n²,
    memory with n.
    """
    hashes = _hashes(small)
    flat = small.reshape(-1, SIDE**2)
    means = flat.mean(1, dtype=np.float64)
    spreads = flat.std(1, dtype=np.float64)
    for start in range(0, len(small), _BLOCK):
        best: dict[tuple[int, int], Link] = {}
        for orientation in range(len(ORIENTATIONS)):
            for one, other in _proposed(hashes, orientation, start):
                products = np.einsum(
                    "nij,nij->n",
                    small[one].astype(np.float32),
                    oriented(small[other], orientation).astype(np.float32),
                    dtype=np.float64,
                )
                found = products / SIDE**2 - means[one] * means[other]
                found /= spreads[one] * spreads[other]
                for k in np.flatnonzero(found >= CORRELATION):
                    pair = int(one[k]), int(other[k])
                    if pair not in best or best[pair].correlation < found[k]:
                        best[pair] = Link(*pair, orientation, float(found[k]))
        yield len(small[start : start + _BLOCK]), list(best.values())


def _proposed(
    hashes: Sequence[Hashes], orientation: int, start: int
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Pairs of close hashes, the first in the block; at most a few thousand at a time."""
    block = hashes[0][start : start + _BLOCK, None]
    distance = np.bitwise_count(block ^ hashes[orientation][None, start:])
    one, other = np.nonzero(distance <= HASH_DISTANCE)
    once = one < other
    one, other = one[once] + start, other[once] + start
    for cut in range(0, len(one), 2048):
        yield one[cut : cut + 2048], other[cut : cut + 2048]


def _hashes(small: Bytes) -> list[Hashes]:
    """One hash per picture for each orientation."""
    coefficients = np.concatenate(
        [_cosines(small[cut : cut + 1024]) for cut in range(0, max(len(small), 1), 1024)]
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
        bits[:, 0] = False  # the mean says nothing of the shape
        hashes.append(np.packbits(bits, axis=1).view(np.uint64).ravel())
    return hashes


def _cosines(small: Bytes) -> Floats:
    """The lowest 8 × 8 coefficients of the cosine transform (DCT-II, not scaled)."""
    places = (2 * np.arange(SIDE) + 1) * np.pi / (2 * SIDE)
    basis = np.cos(np.arange(_FREQUENCIES)[:, None] * places).astype(np.float32)
    return np.asarray(basis @ small.astype(np.float32) @ basis.T, np.float32)
