"""Aggregation of slice probabilities to the verdict of a series."""

from collections.abc import Sequence
from math import ceil, exp, log

from batchmri.reasons import VerdictReason
from batchmri.records import INDETERMINATE, TUMOR, Classes, Scores, Series, Verdict
from batchmri.settings.verdict import VerdictSettings
from batchmri.verdict.domain import (
    CONTRAST_IN_DOUBT,
    NOT_BRAIN,
    OTHER_SEQUENCE,
    OUT_OF_DISTRIBUTION,
    WITHOUT_CONTRAST,
    domain_flags,
    ood_score,
)

_MIN_PROBABILITY = 1e-6  # smallest probability, so that a single slice cannot rule out a class
Row = tuple[float, ...]
"""Calibrated probabilities of a slice or a series, in the order of the classes."""


def series_verdict(
    series: Series, scores: Sequence[Scores], classes: Classes, rules: VerdictSettings
) -> Verdict:
    """Decide whether a series shows a tumor, and of which class.

    The deciding slices are the run of adjacent slices with the highest mean tumor probability. This
    mean decides whether there is a tumor. The tumor class comes from all suspicious slices. If no
    class stands out, the verdict is `tumor`.
    `scores` must contain at least one slice.
    """
    eligible = eligible_slices(scores, rules)
    suspicion = [classes.tumor_probability(s.probabilities) for s in eligible]
    run = [eligible[i] for i in most_suspicious_run(suspicion, rules)]
    probabilities = series_probabilities(
        [s.probabilities for s in eligible], [s.probabilities for s in run], classes, rules
    )
    flags = domain_flags(series, eligible, rules)
    called, reason = _choose_verdict(probabilities, flags, classes, rules)
    leading = called or classes.leading(probabilities)
    shown_class = called or classes.leading(probabilities, tumor_only=True)
    deciding = _by_probability(run, shown_class, classes)
    ordered = _by_probability(eligible, shown_class, classes)
    others = [index for index in ordered if index not in deciding]
    return Verdict(
        name=called or INDETERMINATE,
        reason=reason,
        confidence=classes.probability(leading, probabilities),
        probabilities=probabilities,
        deciding_slice=deciding[0],
        deciding=tuple(sorted(deciding)),
        n_tumor_slices=sum(classes.leading(s.probabilities) != classes.no_tumor for s in scores),
        ood_score=ood_score(eligible),
        shown_class=shown_class,
        shown=(*deciding, *others),
        flags=flags,
    )


def eligible_slices(scores: Sequence[Scores], rules: VerdictSettings) -> list[Scores]:
    """The slices that contribute to the verdict, in the order of the series.

    A slice is eligible if its brain box was found and its area is at least `min_box_fraction` of
    the largest box. If no box was found, all slices are eligible.
    """
    found = [s for s in scores if not s.box.failed]
    largest = max((s.box.area for s in found), default=0)
    eligible = [s for s in found if s.box.area >= rules.min_box_fraction * largest]
    return sorted(eligible or scores, key=lambda s: s.ref.index)


def most_suspicious_run(suspicion: Sequence[float], rules: VerdictSettings) -> range:
    """The run of adjacent slices with the highest mean tumor probability; the first one of a tie.

    `suspicion` contains the tumor probability of each slice in the order of the series, at least
    one.
    """
    length = min(len(suspicion), max(rules.top_slices, ceil(rules.run_fraction * len(suspicion))))
    starts = range(len(suspicion) - length + 1)
    start = max(starts, key=lambda first: (sum(suspicion[first : first + length]), -first))
    return range(start, start + length)


def series_probabilities(
    eligible: Sequence[Row], run: Sequence[Row], classes: Classes, rules: VerdictSettings
) -> Row:
    """The class probabilities of a series: the mean over the run.

    If there is a tumor, its probability is distributed over the tumor classes by `class_shares` of
    all suspicious slices (those with a `p_tumor` of at least `rules.tumor_above`).
    """
    mean = _mean(run)
    tumor = classes.tumor_probability(mean)
    if tumor < rules.tumor_above:
        return mean
    rows = [r for r in eligible if classes.tumor_probability(r) >= rules.tumor_above] or run
    shares = class_shares(rows, classes)
    no_tumor = classes.names.index(classes.no_tumor)
    return tuple(
        value if i == no_tumor else tumor * share
        for i, (value, share) in enumerate(zip(mean, shares, strict=True))
    )


def class_shares(rows: Sequence[Row], classes: Classes) -> Row:
    """The share of each tumor class; 0 for the class without tumor.

    This is the softmax of the mean log probabilities of the slices, weighted by `p_tumor`. The
    rule was chosen on volumes that were not used for training (experiments/b1/class_rules.py).
    """
    weights = [classes.tumor_probability(row) for row in rows]
    total = sum(weights)
    logits = [
        sum(w * log(max(row[i], _MIN_PROBABILITY)) for w, row in zip(weights, rows, strict=True))
        / total
        for i in range(len(classes.names))
    ]
    tumors = [i for i, name in enumerate(classes.names) if name != classes.no_tumor]
    highest = max(logits[i] for i in tumors)
    odds = [exp(logit - highest) if i in tumors else 0.0 for i, logit in enumerate(logits)]
    return tuple(value / sum(odds) for value in odds)


def tumor_share(name: str, probabilities: Row, classes: Classes) -> float:
    """The share of a tumor class in the probability of any tumor; 0 if there is none."""
    tumor = classes.tumor_probability(probabilities)
    return probabilities[classes.names.index(name)] / tumor if tumor > 0 else 0.0


def required_share(name: str, flags: Sequence[str], rules: VerdictSettings) -> float:
    """The smallest share of a tumor class that is reported; 0 if it is always reported.

    A stricter share applies to a series with the flag `without_contrast`. That flag comes from the
    header or, if the header does not state contrast, from the images.
    """
    if WITHOUT_CONTRAST in flags:
        return rules.min_class_share_without_contrast
    return rules.min_class_shares.get(name, rules.min_class_share)


def _choose_verdict(
    probabilities: Row, flags: Sequence[str], classes: Classes, rules: VerdictSettings
) -> tuple[str | None, VerdictReason]:
    """The class of a series or `tumor` (None if indeterminate), and the reason."""
    if OTHER_SEQUENCE in flags:
        return None, VerdictReason.OTHER_SEQUENCE
    if OUT_OF_DISTRIBUTION in flags or NOT_BRAIN in flags:
        return None, VerdictReason.OUT_OF_DISTRIBUTION
    tumor = classes.tumor_probability(probabilities)
    if rules.notumor_below < tumor < rules.tumor_above:
        return None, VerdictReason.BETWEEN_THRESHOLDS
    is_tumor = tumor >= rules.tumor_above
    in_doubt = bool(CONTRAST_IN_DOUBT.intersection(flags))
    if not is_tumor and in_doubt and tumor > rules.notumor_below_without_contrast:
        return None, VerdictReason.WITHOUT_CONTRAST
    name = classes.leading(probabilities, tumor_only=True) if is_tumor else classes.no_tumor
    reason = VerdictReason.TUMOR if is_tumor else VerdictReason.NO_TUMOR
    if is_tumor and not _stands_out(name, probabilities, flags, classes, rules):
        name, reason = TUMOR, VerdictReason.KIND_OPEN
    if classes.probability(name, probabilities) < rules.min_confidence:
        return None, VerdictReason.CLASS_UNSURE
    return name, reason


def _stands_out(
    name: str,
    probabilities: Row,
    flags: Sequence[str],
    classes: Classes,
    rules: VerdictSettings,
) -> bool:
    required = required_share(name, flags, rules)
    if required == 0 or sum(n != classes.no_tumor for n in classes.names) == 1:
        return True
    is_sure = classes.probability(name, probabilities) >= rules.min_confidence
    return is_sure and tumor_share(name, probabilities, classes) >= required


def _mean(rows: Sequence[Row]) -> Row:
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))


def _by_probability(scores: Sequence[Scores], name: str, classes: Classes) -> list[int]:
    """Slice indices, sorted by descending probability of a class or of any tumor."""
    ordered = sorted(
        scores, key=lambda s: (-classes.probability(name, s.probabilities), s.ref.index)
    )
    return [s.ref.index for s in ordered]
