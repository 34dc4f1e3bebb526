"""Flags of series for which the model is unreliable: not T1-weighted, or out of distribution.

The header takes precedence over the scores of the slices. Scores are aggregated by their median, so
that the outermost slices of a head do not dominate.
"""

from collections.abc import Sequence
from statistics import median

from batchmri.records import Scores, Series
from batchmri.settings.verdict import VerdictSettings

OUT_OF_DISTRIBUTION = "out_of_distribution"
NOT_BRAIN = "looks_not_brain"
OTHER_SEQUENCE = "looks_other_sequence"
LOW_QUALITY = "low_quality"
WITHOUT_CONTRAST = "without_contrast"
CONTRAST_UNSTATED = "contrast_unstated"
SKULL_STRIPPED = "skull_stripped"

OUTSIDE = frozenset({OUT_OF_DISTRIBUTION, NOT_BRAIN, OTHER_SEQUENCE})
"""A series with one of these flags is indeterminate, whatever its probabilities."""
CONTRAST_IN_DOUBT = frozenset({WITHOUT_CONTRAST, CONTRAST_UNSTATED})
"""In a series with one of these flags a tumor is more likely to be missed."""

_MAX_PIXEL_SPACING_MM = 3.0
_MIN_PIXELS = 64
T1_SEQUENCES = ("t1", "t1_contrast", "unknown")


def domain_flags(
    series: Series, scores: Sequence[Scores], rules: VerdictSettings
) -> tuple[str, ...]:
    """Flags of a series, from its header and the domain scores of its slices."""
    domains = [s.domain for s in scores if s.domain is not None]
    flags: list[str] = []
    score = ood_score(scores) or 0.0
    if score > rules.max_distance:
        flags.append(OUT_OF_DISTRIBUTION)
    if score > rules.brain_distance:
        flags.append(NOT_BRAIN)
    unlike_t1 = bool(domains) and median(domain.t1 for domain in domains) < rules.min_t1
    if series.sequence not in T1_SEQUENCES or unlike_t1:
        flags.append(OTHER_SEQUENCE)
    if sum(SKULL_STRIPPED in s.flags for s in scores) > len(scores) / 2:
        flags.append(SKULL_STRIPPED)
    if _is_coarse(series):
        flags.append(LOW_QUALITY)
    contrast = _stated_contrast(series)
    if contrast is None and series.sequence in T1_SEQUENCES:
        flags.append(CONTRAST_UNSTATED)
    if contrast is None and domains:
        contrast = median(domain.contrast for domain in domains) >= rules.min_contrast
    if contrast is False:
        flags.append(WITHOUT_CONTRAST)
    return tuple(flags)


def ood_score(scores: Sequence[Scores]) -> float | None:
    """The median out-of-distribution score of slices; None if the model has no such score."""
    distances = [s.domain.ood_score for s in scores if s.domain is not None]
    return median(distances) if distances else None


def _stated_contrast(series: Series) -> bool | None:
    if series.sequence == "t1_contrast":
        return True
    return series.header.contrast_agent


def _is_coarse(series: Series) -> bool:
    spacing = series.pixel_spacing or (0.0, 0.0)
    return max(spacing) > _MAX_PIXEL_SPACING_MM or min(series.rows, series.columns) < _MIN_PIXELS
