"""From the series of a study to what it is called."""

from collections.abc import Mapping

from batchmri.records import Classes, SeriesKey, Verdict


def study_verdict(
    verdicts: Mapping[SeriesKey, tuple[str, Verdict]], classes: Classes
) -> tuple[SeriesKey, Verdict] | None:
    """The series that decides and its verdict; None where no series was classified.

    `verdicts` maps a series to its sequence and verdict. T1 after contrast decides where there is
    one, since the model learned tumours on it; among equals the most suspicious series does.
    """
    if not verdicts:
        return None
    preferred = {k: v for k, v in verdicts.items() if v[0] == "t1_contrast"} or verdicts
    key = min(
        preferred, key=lambda k: (-classes.tumor_probability(preferred[k][1].probabilities), k)
    )
    return key, preferred[key][1]
