"""Distinguish a segmentation from an image by its values."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_MAX_LABELS = 16
_MIN_EQUAL_NEIGHBORS = 0.75
_SAMPLE = 100_000
_CHUNK = 1 << 18  # values per chunk: intermediate arrays fit into the processor's cache

Values = npt.NDArray[Any]


def is_label_map(volume: Values) -> bool:
    """Return whether a stored volume contains labels.

    Labels are whole numbers with at least two distinct values. Either there are at most 16 distinct
    values, or at least 75% of the pairs of neighbors along the first axis are equal, ignoring the
    most frequent value. Measured: 5 to 36% in 8-bit anatomical heads, 90% in a brain atlas with 660
    labels, 100% in masks.
    """
    sample = volume.ravel(order="K")[:: max(1, volume.size // _SAMPLE)]
    if not _is_whole(sample) or not all(map(_is_whole, _chunks(volume))):
        return False
    values, counts = np.unique(sample, return_counts=True)
    n_distinct = _count_distinct(volume, values)
    if n_distinct <= _MAX_LABELS:
        return n_distinct > 1
    return _equal_neighbor_fraction(volume, values[counts.argmax()]) >= _MIN_EQUAL_NEIGHBORS


def _chunks(volume: Values) -> Iterator[Values]:
    """Yield views of the volume, split along its last axis."""
    step = max(1, _CHUNK * volume.shape[-1] // volume.size)
    for start in range(0, volume.shape[-1], step):
        yield volume[..., start : start + step]


def _is_whole(values: Values) -> bool:
    if values.dtype.kind in "iub":
        return True
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all())


def _count_distinct(volume: Values, known: Values) -> int:
    """Return the number of distinct values; counting stops above 16.

    `known` are values that are known to occur.
    """
    found = set(known.tolist())
    for chunk in _chunks(volume):
        if len(found) > _MAX_LABELS:
            break
        if sum(np.count_nonzero(chunk == value) for value in found) < chunk.size:
            found.update(np.unique(chunk).tolist())
    return len(found)


def _equal_neighbor_fraction(volume: Values, background: np.generic) -> float:
    n_inside = n_equal = 0
    for chunk in _chunks(volume):
        is_foreground = chunk != background
        inside = is_foreground[1:] & is_foreground[:-1]
        n_inside += int(np.count_nonzero(inside))
        n_equal += int(np.count_nonzero((chunk[1:] == chunk[:-1]) & inside))
    return n_equal / n_inside if n_inside else 0.0
