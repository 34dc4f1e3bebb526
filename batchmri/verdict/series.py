"""From the slices of a series to what it is called."""

from collections.abc import Sequence

from batchmri.records import INDETERMINATE, Classes, Scores, Verdict
from batchmri.settings import VerdictSettings


def series_verdict(scores: Sequence[Scores], classes: Classes, rules: VerdictSettings) -> Verdict:
    """Average the most suspicious slices; call the class that leads, or say indeterminate.

    `scores` are those of one series, at least one. Slices that show little of the head
    (`rules.min_box_fraction`) or whose brain box failed decide only where no other is there.
    """
    deciding = _deciding(scores, rules)
    suspicious = sorted(
        deciding, key=lambda s: (-classes.tumor_probability(s.probabilities), s.ref.index)
    )
    top = suspicious[: rules.top_slices]
    probabilities = _mean([s.probabilities for s in top])
    leading = classes.leading(probabilities)
    confidence = probabilities[classes.names.index(leading)]
    sure = confidence >= rules.min_confidence
    shown_class = leading if sure else classes.leading(probabilities, tumor_only=True)
    return Verdict(
        name=leading if sure else INDETERMINATE,
        confidence=confidence,
        probabilities=probabilities,
        deciding_slice=suspicious[0].ref.index,
        n_tumor_slices=sum(classes.leading(s.probabilities) != classes.no_tumor for s in scores),
        shown_class=shown_class,
        shown=_most_telling(deciding, classes.names.index(shown_class)),
    )


def _deciding(scores: Sequence[Scores], rules: VerdictSettings) -> list[Scores]:
    largest = max(s.box.area for s in scores)
    fit = [s for s in scores if not s.box.failed and s.box.area >= rules.min_box_fraction * largest]
    return fit or list(scores)


def _mean(rows: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))


def _most_telling(scores: Sequence[Scores], position: int) -> tuple[int, ...]:
    ordered = sorted(scores, key=lambda s: (-s.probabilities[position], s.ref.index))
    return tuple(s.ref.index for s in ordered)
