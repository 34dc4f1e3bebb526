"""Telling a segmentation from a picture by its values."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_MAX_LABELS = 16
_MIN_EQUAL_NEIGHBOURS = 0.75
_SAMPLE = 100_000
_CHUNK = 1 << 18  # values looked at together: what is made of them stays in the processor's cache

Values = npt.NDArray[Any]


def is_label_map(volume: Values) -> bool:
    """Whether a volume as stored holds labels: at least two distinct values, whole numbers all.

    And either at most 16 of them, or at least 75 % of neighbours along the first axis, both off
    the most frequent value, are equal. Measured: anatomical heads of 8 bits 5 to 36 %, a brain
    atlas of 660 labels 90 %, masks 100 %.
    """
    sample = volume.ravel(order="K")[:: max(1, volume.size // _SAMPLE)]
    if not _whole(sample) or not all(map(_whole, _chunks(volume))):
        return False
    values, counts = np.unique(sample, return_counts=True)
    n_distinct = _count_distinct(volume, values)
    if n_distinct <= _MAX_LABELS:
        return n_distinct > 1
    return _equal_neighbours(volume, values[counts.argmax()]) >= _MIN_EQUAL_NEIGHBOURS


def _chunks(volume: Values) -> Iterator[Values]:
    """Views of the volume, cut across its last axis."""
    step = max(1, _CHUNK * volume.shape[-1] // volume.size)
    for start in range(0, volume.shape[-1], step):
        yield volume[..., start : start + step]


def _whole(values: Values) -> bool:
    if values.dtype.kind in "iub":
        return True
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all())


def _count_distinct(volume: Values, known: Values) -> int:
    """The number of distinct values, of which some are known; more than 16 are not counted."""
    found = set(known.tolist())
    for chunk in _chunks(volume):
        if len(found) > _MAX_LABELS:
            break
        if sum(np.count_nonzero(chunk == value) for value in found) < chunk.size:
            found.update(np.unique(chunk).tolist())
    return len(found)


def _equal_neighbours(volume: Values, background: np.generic) -> float:
    n_inside = n_equal = 0
    for chunk in _chunks(volume):
        off = chunk != background
        inside = off[1:] & off[:-1]
        n_inside += int(np.count_nonzero(inside))
        n_equal += int(np.count_nonzero((chunk[1:] == chunk[:-1]) & inside))
    return n_equal / n_inside if n_inside else 0.0
