"""From the slices of a series to what it is called."""

from collections.abc import Sequence
from math import ceil

from batchmri.records import INDETERMINATE, Classes, Scores, Series, Verdict
from batchmri.settings import VerdictSettings
from batchmri.verdict.field import OUTSIDE, WITHOUT_CONTRAST, distance_of, field_flags


def series_verdict(
    series: Series, scores: Sequence[Scores], classes: Classes, rules: VerdictSettings
) -> Verdict:
    """Average the most suspicious run of neighbouring slices; call it a class, or indeterminate.

    `scores` are those of the series, at least one. Slices that show little of the head
    (`rules.min_box_fraction`) or whose brain box failed decide only where no other is there. What
    lies outside the model's field is indeterminate.
    """
    deciding = _deciding(scores, rules)
    suspicion = [classes.tumor_probability(s.probabilities) for s in deciding]
    run = [deciding[place] for place in most_suspicious_run(suspicion, rules)]
    probabilities = _mean([s.probabilities for s in run])
    flags = field_flags(series, deciding, rules)
    name = INDETERMINATE if OUTSIDE & set(flags) else _called(probabilities, classes, rules)
    leading = classes.leading(probabilities) if name == INDETERMINATE else name
    confidence = probabilities[classes.names.index(leading)]
    if leading == classes.no_tumor and WITHOUT_CONTRAST in flags:
        confidence = min(confidence, rules.without_contrast_confidence)
    tumor = classes.leading(probabilities, tumor_only=True)
    shown_class = tumor if name == INDETERMINATE else name
    return Verdict(
        name=name,
        confidence=confidence,
        probabilities=probabilities,
        deciding_slice=_by_suspicion(run, classes)[0].ref.index,
        n_tumor_slices=sum(classes.leading(s.probabilities) != classes.no_tumor for s in scores),
        distance=distance_of(deciding),
        shown_class=shown_class,
        shown=_most_telling(deciding, classes.names.index(shown_class)),
        flags=flags,
    )


def most_suspicious_run(suspicion: Sequence[float], rules: VerdictSettings) -> range:
    """The places of the neighbouring slices, in order of a series, that together are the most so.

    `suspicion` is each slice's probability of any tumour; at least one.
    """
    length = min(len(suspicion), max(rules.top_slices, ceil(rules.run_fraction * len(suspicion))))
    starts = range(len(suspicion) - length + 1)
    start = max(starts, key=lambda first: (sum(suspicion[first : first + length]), -first))
    return range(start, start + length)


def _called(probabilities: tuple[float, ...], classes: Classes, rules: VerdictSettings) -> str:
    suspicion = classes.tumor_probability(probabilities)
    if suspicion >= rules.tumor_above:
        called = classes.leading(probabilities, tumor_only=True)
    elif suspicion <= rules.notumor_below:
        called = classes.no_tumor
    else:
        return INDETERMINATE
    sure = probabilities[classes.names.index(called)] >= rules.min_confidence
    return called if sure else INDETERMINATE


def _deciding(scores: Sequence[Scores], rules: VerdictSettings) -> list[Scores]:
    largest = max(s.box.area for s in scores)
    fit = [s for s in scores if not s.box.failed and s.box.area >= rules.min_box_fraction * largest]
    return sorted(fit or scores, key=lambda s: s.ref.index)


def _by_suspicion(scores: Sequence[Scores], classes: Classes) -> list[Scores]:
    return sorted(scores, key=lambda s: (-classes.tumor_probability(s.probabilities), s.ref.index))


def _mean(rows: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))


def _most_telling(scores: Sequence[Scores], position: int) -> tuple[int, ...]:
    ordered = sorted(scores, key=lambda s: (-s.probabilities[position], s.ref.index))
    return tuple(s.ref.index for s in ordered)
