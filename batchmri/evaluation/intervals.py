"""Metrics with confidence intervals from the percentile bootstrap or the Wilson score.

Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993. Whole groups (patients, persons,
duplicate groups) are resampled because the images of one group are not independent.
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
"""Metric, and the class or stratum ("" for all)."""
Statistic = Callable[[Indices], Mapping[Key, float]]

_SEED = 0
_CONFIDENCE_LEVEL = 95.0
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Measure:
    """Value of a `metric` for a class or stratum (`of`, "" for all) in a `subset`.

    An undefined value is NaN. `low` and `high` are the bounds of the 95% interval, None if there is
    no interval.
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
    """Compute `statistic` on all indices, with intervals from resampled groups.

    Resamples in which a value is undefined (such as a class that was not drawn) are excluded from
    the interval of that value.
    """
    replicates = [statistic(indices) for indices in resampled(groups, resamples)]
    estimates = statistic(np.arange(len(groups)))
    return [
        Measure(subset, *key, value, *_interval([one[key] for one in replicates]), len(groups))
        for key, value in estimates.items()
    ]


def resampled(groups: Ints, resamples: int = RESAMPLES) -> list[Indices]:
    """Draw whole groups with replacement and return the indices of each resample.

    `groups` (n,) is the group number of each index. The seed is fixed.
    """
    random = np.random.default_rng(_SEED)
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    draws = (random.integers(len(members), size=len(members)) for _ in range(resamples))
    return [np.concatenate([members[place] for place in draw]) for draw in draws]


def _interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None, None
    tail = (100 - _CONFIDENCE_LEVEL) / 2
    low, high = np.percentile(finite, (tail, 100 - tail))
    return float(low), float(high)
