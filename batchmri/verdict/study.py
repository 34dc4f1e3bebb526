"""From the series of a study to its verdict."""

from collections.abc import Mapping

from batchmri.records import Classes, SeriesKey, Verdict
from batchmri.verdict.domain import OUTSIDE, WITHOUT_CONTRAST


def study_verdict(
    verdicts: Mapping[SeriesKey, tuple[str, Verdict]], classes: Classes
) -> tuple[SeriesKey, Verdict] | None:
    """The series that decides and its verdict; None where no series was classified.

    `verdicts` maps a series to its sequence and verdict. In this order: a series that the model can
    judge before one that it cannot; T1 after contrast by the header before others, since the model
    learned tumors on it; what looks like it before what does not; the most suspicious.
    """
    if not verdicts:
        return None

    def rank(key: SeriesKey) -> tuple[bool, bool, bool, float, SeriesKey]:
        sequence, verdict = verdicts[key]
        return (
            bool(OUTSIDE & set(verdict.flags)),
            sequence != "t1_contrast",
            WITHOUT_CONTRAST in verdict.flags,
            -classes.tumor_probability(verdict.probabilities),
            key,
        )

    key = min(verdicts, key=rank)
    return key, verdicts[key][1]
