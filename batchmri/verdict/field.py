"""Whether a series lies in the model's field: T1-weighted slices of a head, as it learned them.

What the header states goes first; where it says nothing, the slices' looks tell. A series is judged
by the median of its slices, so that the ends of a head do not speak for it.
"""

from collections.abc import Sequence
from statistics import median

from batchmri.records import Scores, Series
from batchmri.settings import VerdictSettings

OUT_OF_FIELD = "out_of_field"
NOT_BRAIN = "looks_not_brain"
OTHER_SEQUENCE = "looks_other_sequence"
LOW_QUALITY = "low_quality"
WITHOUT_CONTRAST = "without_contrast"

OUTSIDE = frozenset({OUT_OF_FIELD, NOT_BRAIN, OTHER_SEQUENCE})
"""With one of these a series gets no verdict but indeterminate."""

_COARSEST_MM = 3.0
_FEWEST_PIXELS = 64
_T1 = ("t1", "t1_contrast", "unknown")


def field_flags(
    series: Series, scores: Sequence[Scores], rules: VerdictSettings
) -> tuple[str, ...]:
    """What is unusual about a series; the distances are those of Look."""
    looks = [s.look for s in scores if s.look is not None]
    flags: list[str] = []
    distance = distance_of(scores) or 0.0
    if distance > rules.max_distance:
        flags.append(OUT_OF_FIELD)
    if distance > rules.brain_distance:
        flags.append(NOT_BRAIN)
    unlike_t1 = bool(looks) and median(look.t1 for look in looks) < rules.min_t1
    if series.sequence not in _T1 or unlike_t1:
        flags.append(OTHER_SEQUENCE)
    if _coarse(series):
        flags.append(LOW_QUALITY)
    contrast = _stated_contrast(series)
    if contrast is None and looks:
        contrast = median(look.contrast for look in looks) >= rules.min_contrast
    if contrast is False:
        flags.append(WITHOUT_CONTRAST)
    return tuple(flags)


def distance_of(scores: Sequence[Scores]) -> float | None:
    """The median distance of slices; None where the model does not know its field."""
    distances = [s.look.distance for s in scores if s.look is not None]
    return median(distances) if distances else None


def _stated_contrast(series: Series) -> bool | None:
    if series.sequence == "t1_contrast":
        return True
    return series.header.contrast_agent


def _coarse(series: Series) -> bool:
    spacing = series.pixel_spacing or (0.0, 0.0)
    return max(spacing) > _COARSEST_MM or min(series.rows, series.columns) < _FEWEST_PIXELS
