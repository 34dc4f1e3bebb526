"""A measured value with its interval, and the percentile bootstrap that gives the interval.

Efron & Tibshirani, An Introduction to the Bootstrap, 1993. What is drawn are whole groups
(patients, persons, duplicate groups): pictures of one group are not independent.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Key = tuple[str, str]
"""Metric, and the class or stratum it is of ("" for all)."""
Statistic = Callable[[Indices], Mapping[Key, float]]

_SEED = 0
_LEVEL = 95.0
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Measure:
    """One value: `metric` of a class or stratum (`of`, "" for all) in a `subset`.

    `low` and `high` bound the 95% interval; None where there is none. NaN where it is undefined.
    """

    subset: str
    metric: str
    of: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


def bootstrapped(
    subset: str, statistic: Statistic, groups: Ints, resamples: int = RESAMPLES
) -> list[Measure]:
    """The values of `statistic` over all indices, with intervals from resampled groups.

    What is undefined in a resample (a class not drawn) is left out of its interval.
    """
    drawn = [statistic(indices) for indices in resampled(groups, resamples)]
    found = statistic(np.arange(len(groups)))
    return [
        Measure(subset, *key, value, *_interval([one[key] for one in drawn]), len(groups))
        for key, value in found.items()
    ]


def resampled(groups: Ints, resamples: int = RESAMPLES) -> list[Indices]:
    """Indices as often as their groups are drawn with replacement; `groups` is that of each."""
    random = np.random.default_rng(_SEED)
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    picks = (random.integers(len(members), size=len(members)) for _ in range(resamples))
    return [np.concatenate([members[place] for place in pick]) for pick in picks]


def _interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return None, None
    tail = (100 - _LEVEL) / 2
    low, high = np.percentile(known, (tail, 100 - tail))
    return float(low), float(high)


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95% Wilson score interval of a share among n (Wilson, 1927)."""
    z = 1.959964
    if n == 0:
        return 0.0, 1.0
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
