"""Fit of verdict rules to the labeled series of a site.

The temperature minimizes the cross-entropy of p_tumor, in which series with and without a tumor
have equal weight. The labels are smoothed (Platt, Probabilistic outputs for support vector
machines, 1999), because the loss of perfectly separated labels has no minimum.

The thresholds of p_tumor are split conformal (Vovk et al., Algorithmic Learning in a Random World,
2005): of further series from the same distribution as these n, at most a share of α is expected
beyond the k-th most extreme of the n, k = ⌊α (n + 1)⌋, for any distribution. If k is 0, that is,
with fewer than 1/α − 1 series of a kind, the threshold cannot be fitted.

The share of a class is the smallest one for which, of the series that get a class, at most α get a
wrong one, counting one more wrong series than were found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, log

from batchmri.records import Classes, Scores, Series, Verdict
from batchmri.settings.verdict import VerdictSettings
from batchmri.verdict.domain import CONTRAST_IN_DOUBT, OUTSIDE
from batchmri.verdict.series import (
    eligible_slices,
    most_suspicious_run,
    series_verdict,
    tumor_share,
)
from batchmri.verdict.temperature import sharpened, sharpening

_STEPS = 1000  # thresholds have three decimals
_ROUNDING = 1e-6  # in steps; for values such as 1 - 0.7
_RATIOS = tuple(round(2 ** (step / 8), 4) for step in range(-12, 25))  # of the card's temperature
_MIN_FOR_TEMPERATURE = 10  # series with a tumor, and series without
_MIN_PROBABILITY = 1e-6
Rules = dict[str, float]
"""Values of verdict settings by name."""


@dataclass(frozen=True, slots=True)
class LabeledSeries:
    """A classified series and its label: a class, or `tumor` for another or an unknown kind.

    `group` is the study, whose series are not independent.
    """

    group: str
    series: Series
    scores: tuple[Scores, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Targets:
    """Requested error rates.

    `fpr` is the share of tumor-free series that are called a tumor, `fnr` the share of series with
    a tumor that are called tumor-free, `class_error` the share of wrong classes among the tumors
    that get a class.
    """

    fpr: float = 0.05
    fnr: float = 0.10
    class_error: float = 0.15


class SiteFit:
    """Fits verdict rules to labeled series that are not out of distribution."""

    def __init__(
        self,
        labeled: Sequence[LabeledSeries],
        classes: Classes,
        rules: VerdictSettings,
        targets: Targets,
    ) -> None:
        self.labeled = labeled
        self.classes = classes
        self.targets = targets
        self._rules = rules
        self._eligible = [eligible_slices(one.scores, rules) for one in labeled]
        self._verdicts: dict[tuple[int, tuple[tuple[str, float], ...]], Verdict] = {}
        self._suspicions: dict[tuple[int, float | None], float] = {}

    @cached_property
    def fitted(self) -> Rules:
        """The rules fitted to all series, without rules for which there are too few series."""
        return self.fit(range(len(self.labeled)), min_rank=0)

    def out_of_sample(self) -> list[Verdict]:
        """The verdict of each series under rules fitted to the other studies."""
        found: dict[int, Verdict] = {}
        for group in dict.fromkeys(one.group for one in self.labeled):
            own = [i for i, one in enumerate(self.labeled) if one.group == group]
            # If all series are just enough for a rule, it is also fitted without this study.
            rules = self.fit([i for i in range(len(self.labeled)) if i not in own], min_rank=1)
            kept = {key: value for key, value in rules.items() if key in self.fitted}
            found |= {i: self.verdict(i, kept) for i in own}
        return [found[i] for i in range(len(self.labeled))]

    def verdict(self, index: int, fitted: Rules) -> Verdict:
        """The verdict of a series under the current rules, changed by the fitted ones."""
        key = (index, tuple(sorted(fitted.items())))
        if key not in self._verdicts:
            one = self.labeled[index]
            rules = self._rules.model_copy(update=fitted)
            if "min_class_share" in fitted:  # of all classes, also of those with their own share
                rules = rules.model_copy(update={"min_class_shares": {}})
            scores = sharpened(one.scores, sharpening(self.classes, rules))
            self._verdicts[key] = series_verdict(one.series, scores, self.classes, rules)
        return self._verdicts[key]

    def is_tumor(self, index: int) -> bool:
        """Whether the label of a series is a tumor."""
        return self.labeled[index].label != self.classes.no_tumor

    def in_doubt(self, index: int) -> bool:
        """Whether a series has no contrast, or its header does not state it."""
        return bool(CONTRAST_IN_DOUBT.intersection(self.verdict(index, {}).flags))

    def fit(self, indices: Sequence[int], min_rank: int) -> Rules:
        """Fit the rules to some series. `min_rank` replaces a smaller rank (0: none)."""
        fitted = self._fit_temperature(indices)
        scores = {i: self._p_tumor(i, fitted.get("temperature")) for i in indices}
        tumors = [i for i in indices if self.is_tumor(i)]
        free = [scores[i] for i in indices if not self.is_tumor(i)]
        clear = [scores[i] for i in tumors if not self.in_doubt(i)]
        doubtful = [scores[i] for i in tumors if self.in_doubt(i)]
        above = _highest(free, max(rank(self.targets.fpr, len(free)), min_rank))
        below = _lowest(clear, max(rank(self.targets.fnr, len(clear)), min_rank))
        strict = _lowest(doubtful, max(rank(self.targets.fnr, len(doubtful)), min_rank))
        fitted |= self._ordered(above, below, strict)
        return fitted | self._fit_shares(tumors, fitted, min_rank)

    def _fit_temperature(self, indices: Sequence[int]) -> Rules:
        kinds = [self.is_tumor(i) for i in indices]
        if min(sum(kinds), len(kinds) - sum(kinds)) < _MIN_FOR_TEMPERATURE:
            return {}
        candidates = [round(ratio * self.classes.temperature, 4) for ratio in _RATIOS]
        return {"temperature": min(candidates, key=lambda t: self._loss(indices, t))}

    def _loss(self, indices: Sequence[int], temperature: float) -> float:
        total = 0.0
        for is_tumor in (True, False):
            own = [self._p_tumor(i, temperature) for i in indices if self.is_tumor(i) == is_tumor]
            right = [p if is_tumor else 1 - p for p in own]
            target = (len(own) + 1) / (len(own) + 2)
            total += sum(_cross_entropy(p, target) for p in right) / len(own)
        return total

    def _p_tumor(self, index: int, temperature: float | None) -> float:
        """The p_tumor of a series as in `series_verdict`, which is independent of thresholds."""
        if (index, temperature) not in self._suspicions:
            rules = self._rules
            if temperature is not None:
                rules = rules.model_copy(update={"temperature": temperature})
            scores = sharpened(self._eligible[index], sharpening(self.classes, rules))
            values = [self.classes.tumor_probability(s.probabilities) for s in scores]
            run = most_suspicious_run(values, rules)
            self._suspicions[index, temperature] = sum(values[i] for i in run) / len(run)
        return self._suspicions[index, temperature]

    def _ordered(self, above: float | None, below: float | None, strict: float | None) -> Rules:
        """The thresholds that were fitted, none of which contradicts another one."""
        if above is not None and below is not None and below > above:
            # Separated labels: every threshold between the two meets both targets.
            above = below = round((above + below) / 2, 3)
        elif above is not None and below is None:
            above = max(above, self._rules.notumor_below)
        elif below is not None and above is None:
            below = min(below, self._rules.tumor_above)
        if strict is not None:
            strict = min(strict, self._rules.notumor_below if below is None else below)
        found = {
            "tumor_above": above,
            "notumor_below": below,
            "notumor_below_without_contrast": strict,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _fit_shares(self, tumors: Iterable[int], fitted: Rules, min_rank: int) -> Rules:
        above = fitted.get("tumor_above", self._rules.tumor_above)
        found: dict[bool, list[tuple[float, bool]]] = {False: [], True: []}
        for i in tumors:
            label, row = self.labeled[i].label, self.verdict(i, fitted).probabilities
            if label in self.classes.names and self.classes.tumor_probability(row) >= above:
                name = self.classes.leading(row, tumor_only=True)
                share = tumor_share(name, row, self.classes)
                found[self.in_doubt(i)].append((share, name == label))
        names = ("min_class_share", "min_class_share_without_contrast")
        return {
            name: smallest_share(found[in_doubt], self.targets.class_error)
            for name, in_doubt in zip(names, (False, True), strict=True)
            if max(rank(self.targets.class_error, len(found[in_doubt])), min_rank) > 0
        }


def usable(verdict: Verdict) -> bool:
    """Whether a series can have a verdict: not if it is out of distribution for the model."""
    return not OUTSIDE.intersection(verdict.flags)


def rank(rate: float, n: int) -> int:
    """Number of n series that may be beyond a threshold; 0 if n is too small for the rate."""
    return floor(rate * (n + 1) + 1e-9)


def fewest_for(rate: float) -> int:
    """The smallest number of series for which a rate can be stated."""
    return ceil(1 / rate - 1 - 1e-9)


def smallest_share(found: Sequence[tuple[float, bool]], target: float) -> float:
    """The smallest share at which enough of the classes are right; 1 if there is none.

    `found` contains the share of the leading class of each series, and whether that class is right.
    """
    for share in sorted({floor(share * _STEPS + _ROUNDING) / _STEPS for share, _ in found}):
        given = [is_right for value, is_right in found if value >= share - _ROUNDING]
        if given and (given.count(False) + 1) / (len(given) + 1) <= target + 1e-9:
            return share
    return 1.0


def _highest(values: Sequence[float], k: int) -> float | None:
    """The k-th highest value, rounded up; None if k is 0 or there are fewer."""
    return ceil(sorted(values)[-k] * _STEPS - _ROUNDING) / _STEPS if 0 < k <= len(values) else None


def _lowest(values: Sequence[float], k: int) -> float | None:
    """The k-th lowest value, rounded down; None if k is 0 or there are fewer."""
    return (
        floor(sorted(values)[k - 1] * _STEPS + _ROUNDING) / _STEPS if 0 < k <= len(values) else None
    )


def _cross_entropy(p: float, target: float) -> float:
    p = min(max(p, _MIN_PROBABILITY), 1 - _MIN_PROBABILITY)
    return -target * log(p) - (1 - target) * log(1 - p)
