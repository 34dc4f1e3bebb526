"""Percentiles of images."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def percentiles(values: npt.NDArray[np.generic], of: Sequence[float]) -> list[float]:
    """Return the percentiles `of` (0 to 100) of finite values, interpolated linearly.

    The results are those of np.percentile in double precision. Sorting takes a fifth of the time of
    its search.
    """
    ordered = np.sort(values, axis=None)
    last = ordered.size - 1
    found = []
    for one in of:
        place = last * (one / 100)
        below = int(place)
        low, high = float(ordered[below]), float(ordered[min(below + 1, last)])
        step, share = high - low, place - below
        # As in NumPy, so that share 0 gives `low` and 1 gives `high` without rounding.
        found.append(low + step * share if share < 0.5 else high - step * (1 - share))
    return found
