"""Selection of the series that decides the verdict of a study."""

from collections.abc import Mapping

from batchmri.records import Classes, SeriesKey, Verdict
from batchmri.verdict.domain import OUTSIDE, WITHOUT_CONTRAST


def study_verdict(
    verdicts: Mapping[SeriesKey, tuple[str, Verdict]], classes: Classes
) -> tuple[SeriesKey, Verdict] | None:
    """The deciding series and its verdict; None if no series was classified.

    `verdicts` maps a series to its sequence and verdict. Series are ranked by these criteria:

    1. in distribution before out of distribution or another sequence;
    2. T1 after contrast according to the header before others, since the model was trained on it;
    3. no flag `without_contrast` before series with this flag;
    4. the highest tumor probability.
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
