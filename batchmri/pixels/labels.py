"""Telling a segmentation from a picture by its values."""

import numpy as np
import numpy.typing as npt

_MAX_LABELS = 16
_MIN_EQUAL_NEIGHBOURS = 0.75
_SAMPLE = 100_000


def is_label_map(volume: npt.NDArray[np.generic]) -> bool:
    """Whether a volume as stored holds labels: at least two distinct values, whole numbers all.

    And either at most 16 of them, or at least 75 % of neighbours along the first axis, both off
    the most frequent value, are equal. Measured: anatomical heads of 8 bits 5 to 36 %, a brain
    atlas of 660 labels 90 %, masks 100 %.
    """
    sample = volume.ravel(order="K")[:: max(1, volume.size // _SAMPLE)]
    if not _whole(sample) or not _whole(volume):
        return False
    values, counts = np.unique(sample, return_counts=True)
    if len(values) > _MAX_LABELS:
        return _equal_neighbours(volume, values[counts.argmax()]) >= _MIN_EQUAL_NEIGHBOURS
    values, counts = np.unique(volume, return_counts=True)
    if len(values) < 2:
        return False
    return (
        len(values) <= _MAX_LABELS
        or _equal_neighbours(volume, values[counts.argmax()]) >= _MIN_EQUAL_NEIGHBOURS
    )


def _whole(values: npt.NDArray[np.generic]) -> bool:
    if values.dtype.kind in "iub":
        return True
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all())


def _equal_neighbours(volume: npt.NDArray[np.generic], background: np.generic) -> float:
    here, there = volume[1:], volume[:-1]
    inside = (here != background) & (there != background)
    n_inside = np.count_nonzero(inside)
    return np.count_nonzero((here == there) & inside) / n_inside if n_inside else 0.0
