"""Fit the verdict thresholds to series of left-out sources.

`tumor_above` maximizes sensitivity + specificity (Youden, 1950). For `notumor_below`, a missed
tumor costs as much as MISS_COST tumor-free heads without this verdict. A person counts once, and
the weight of a source is the square root of the number of its persons, so that a large source does
not dominate. Rates are smoothed on the logit scale, so that no single series determines a
threshold. Generalization is measured by leaving out one source after the other.

`notumor_below_without_contrast` is the lowest threshold that admits HEADS of the tumor-free heads,
because there are too few tumors without contrast to fit it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit
from scipy.stats import norm

from batchmri.settings.verdict import VerdictSettings
from experiments.b1.outputs import Floats
from experiments.b1.rates import rate
from experiments.b1.temperature import Metrics
from experiments.b1.verdicts import CaseVerdict, source_weights

MISS_COST = 5.0
HEADS = 0.95
_BANDWIDTH = 0.5  # logits
_LOWEST_TUMOR = 0.5  # below it, a tumor would be less probable than none
_GRID = np.arange(1, 1000) / 1000
_CLIP = 1e-4


@dataclass(frozen=True)
class Thresholds:
    """The thresholds, with the names of the verdict settings."""

    tumor_above: float
    notumor_below: float
    notumor_below_without_contrast: float

    def settings(self) -> dict[str, float]:
        """Return them as verdict settings."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def fit_thresholds(series: Sequence[CaseVerdict]) -> Thresholds:
    """Return the thresholds with the lowest cost; `series` must contain both kinds."""
    free = [one for one in series if not one.shows_tumor]
    tumor = [one for one in series if one.shows_tumor]
    enhanced = [one for one in tumor if one.case.contrast]
    plain_heads = [one for one in free if not one.case.contrast] or free
    false_alarms, missed = _above(free), 1 - _above(enhanced)
    above = _cheapest(false_alarms + missed, lowest=_LOWEST_TUMOR)
    below = _cheapest(MISS_COST * missed + false_alarms, highest=above)
    without = float(_GRID[int(np.argmax(_above(plain_heads) <= 1 - HEADS))])
    return Thresholds(above, below, min(without, below))


def _above(series: Sequence[CaseVerdict]) -> Floats:
    """Return the smoothed share of series above each threshold of the grid, weighted by source."""
    weights = source_weights(series)
    scores = logit(np.clip([one.p_tumor for one in series], _CLIP, 1 - _CLIP))
    beyond = norm.cdf((scores[:, None] - logit(_GRID)) / _BANDWIDTH)
    shares: Floats = weights @ beyond / weights.sum()
    return shares


def _cheapest(cost: Floats, lowest: float = 0.0, highest: float = 1.0) -> float:
    is_allowed = (lowest <= _GRID) & (highest >= _GRID)
    return float(_GRID[int(np.argmin(np.where(is_allowed, cost, np.inf)))])


def left_out_metrics(
    series: Sequence[CaseVerdict],
    reapply: Callable[[Sequence[CaseVerdict], Thresholds], list[CaseVerdict]],
) -> Metrics:
    """Return the results of thresholds on sources that are not in their fit.

    For every source, the thresholds are fitted to the others, and `reapply` applies them to it. The
    metrics are the ranges of the thresholds, and verdicts by kind of series, counted by series and
    with exact intervals (series of one person are counted as if independent).
    """
    found: list[CaseVerdict] = []
    fitted: list[Thresholds] = []
    for source in sorted({one.case.source for one in series}):
        others = [one for one in series if one.case.source != source]
        if any(one.shows_tumor for one in others) and not all(one.shows_tumor for one in others):
            fitted.append(fit_thresholds(others))
            own = [one for one in series if one.case.source == source]
            found += reapply(own, fitted[-1])
    metrics: Metrics = {}
    for name in Thresholds.__dataclass_fields__:
        values = [getattr(one, name) for one in fitted]
        metrics[f"{name} without one source"] = f"{min(values):.3f}-{max(values):.3f}"
    return metrics | verdict_metrics(found, "left-out source: ")


def verdict_metrics(series: Sequence[CaseVerdict], prefix: str = "") -> Metrics:
    """Return the rates of verdicts by kind of series."""
    kinds: dict[str, list[CaseVerdict]] = {
        "tumor-free heads": [o for o in series if not o.shows_tumor and o.case.group != "lgg"],
        "tumor-free slices of tumor patients": [
            o for o in series if not o.shows_tumor and o.case.group == "lgg"
        ],
        "tumors after contrast": [o for o in series if o.shows_tumor and o.case.contrast],
        "tumors without contrast": [o for o in series if o.shows_tumor and not o.case.contrast],
    }
    metrics: Metrics = {}
    for kind, own in kinds.items():
        if own:
            metrics[f"{prefix}{kind} called a tumor"] = rate(o.called_tumor for o in own)
            metrics[f"{prefix}{kind} called notumor"] = rate(o.called_free for o in own)
    return metrics


def applied(thresholds: Thresholds, verdict: VerdictSettings) -> VerdictSettings:
    """Return verdict settings with these thresholds."""
    return verdict.model_copy(update=thresholds.settings())
