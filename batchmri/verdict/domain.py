"""Whether a model can judge a series: T1-weighted slices of a head that look like its training.

The header takes precedence; where it states nothing, the pictures decide. A series is judged by the
median of its slices, so that the ends of a head do not decide.
"""

from collections.abc import Sequence
from statistics import median

from batchmri.records import Scores, Series
from batchmri.settings import VerdictSettings

OUT_OF_DISTRIBUTION = "out_of_distribution"
NOT_BRAIN = "looks_not_brain"
OTHER_SEQUENCE = "looks_other_sequence"
LOW_QUALITY = "low_quality"
WITHOUT_CONTRAST = "without_contrast"
CONTRAST_UNSTATED = "contrast_unstated"

OUTSIDE = frozenset({OUT_OF_DISTRIBUTION, NOT_BRAIN, OTHER_SEQUENCE})
"""With one of these flags a series is indeterminate, whatever its probabilities."""
CONTRAST_IN_DOUBT = frozenset({WITHOUT_CONTRAST, CONTRAST_UNSTATED})
"""With one of these flags a missed tumor is likelier."""

_COARSEST_MM = 3.0
_FEWEST_PIXELS = 64
_T1 = ("t1", "t1_contrast", "unknown")


def domain_flags(
    series: Series, scores: Sequence[Scores], rules: VerdictSettings
) -> tuple[str, ...]:
    """What is unusual about a series, by its header and by the looks of these slices."""
    looks = [s.look for s in scores if s.look is not None]
    flags: list[str] = []
    score = ood_score(scores) or 0.0
    if score > rules.max_distance:
        flags.append(OUT_OF_DISTRIBUTION)
    if score > rules.brain_distance:
        flags.append(NOT_BRAIN)
    unlike_t1 = bool(looks) and median(look.t1 for look in looks) < rules.min_t1
    if series.sequence not in _T1 or unlike_t1:
        flags.append(OTHER_SEQUENCE)
    if _coarse(series):
        flags.append(LOW_QUALITY)
    contrast = _stated_contrast(series)
    if contrast is None and series.sequence in _T1:
        flags.append(CONTRAST_UNSTATED)
    if contrast is None and looks:
        contrast = median(look.contrast for look in looks) >= rules.min_contrast
    if contrast is False:
        flags.append(WITHOUT_CONTRAST)
    return tuple(flags)


def ood_score(scores: Sequence[Scores]) -> float | None:
    """The median out-of-distribution score of slices; None where the model has none."""
    found = [s.look.distance for s in scores if s.look is not None]
    return median(found) if found else None


def _stated_contrast(series: Series) -> bool | None:
    if series.sequence == "t1_contrast":
        return True
    return series.header.contrast_agent


def _coarse(series: Series) -> bool:
    spacing = series.pixel_spacing or (0.0, 0.0)
    return max(spacing) > _COARSEST_MM or min(series.rows, series.columns) < _FEWEST_PIXELS
