"""The limit of the out-of-distribution score, from series of left-out sources.

The limit is that of the training (95% of its validation images), or higher if that is needed to
admit ADMITTED of the series. The weight of a source is the square root of the number of its series.
Generalization is measured by leaving out one source after the other.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from batchmri.model.ood import DomainModel
from experiments.b1.outputs import Floats, Output
from experiments.b1.rates import rate
from experiments.b1.temperature import Metrics

ADMITTED = 0.99


def fit_limit(series: Sequence[Output], domain: DomainModel) -> tuple[float, Metrics]:
    """Return the limit, and how many series of each group and of left-out sources it admits."""
    distances = np.array([float(np.median(domain.distances(one.features))) for one in series])
    sources = [one.case.source for one in series]
    trained = float(domain.limit[0])
    limit = max(trained, weighted_quantile(distances, sources, ADMITTED))
    groups: dict[str, list[bool]] = defaultdict(list)
    left_out: list[bool] = []
    for one, distance in zip(series, distances, strict=True):
        groups[one.case.group].append(bool(distance <= limit))
    limits = []
    for source in sorted(set(sources)):
        own = np.array([other == source for other in sources])
        if own.all():
            continue
        others = [other for other in sources if other != source]
        limits.append(max(trained, weighted_quantile(distances[~own], others, ADMITTED)))
        left_out += (distances[own] <= limits[-1]).tolist()
    metrics: Metrics = {
        "admitted share": ADMITTED,
        "limit relative to that of the training": round(limit / trained, 3),
    }
    if limits:
        low, high = (bound / trained for bound in (min(limits), max(limits)))
        metrics["without one source"] = f"{low:.3f}-{high:.3f}"
        metrics["left-out source: admitted"] = rate(left_out)
    return limit, metrics | {f"admitted {name}": rate(hits) for name, hits in groups.items()}


def weighted_quantile(values: Floats, sources: Sequence[str], share: float) -> float:
    """Return the smallest value that is not below `share` of the weighted values."""
    sizes = {source: sources.count(source) for source in set(sources)}
    weights = np.array([sizes[source] ** -0.5 for source in sources])
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    place = min(int(np.searchsorted(shares, share - 1e-9)), len(values) - 1)
    return float(values[order][place])
