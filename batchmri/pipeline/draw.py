"""Selection and drawing of the pictures of a series.

Functions that draw import OpenCV; a run with nothing new does not.
"""

import hashlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from batchmri.flags import in_words
from batchmri.outputs.atomic_write import write_atomic
from batchmri.outputs.captions import Caption, SeriesCaption
from batchmri.outputs.paths import picture_path, strip_paths
from batchmri.reasons import VerdictReason
from batchmri.records import (
    INDETERMINATE,
    Classes,
    FloatArray,
    Scores,
    Series,
    SeriesResult,
    Verdict,
)
from batchmri.settings.report import ReportSettings

MAX_MONTAGE_PICTURES = 24
_DRAWING_VERSION = "3"
"""Version of the drawing code; pictures drawn by another version are outdated."""
FULL_HEAT = 8.0
"""Grad-CAM value (in logits) that is drawn at full strength, unless the series has a larger one.

A heat map with small values therefore stays faint.
"""


def wanted_pictures(
    scores: Sequence[Scores], verdict: Verdict, classes: Classes, rules: ReportSettings
) -> tuple[int, ...]:
    """Indices of the slices to draw, the deciding ones first."""
    if rules.gradcam == "none":
        return ()
    if rules.gradcam == "all":
        others = (s.ref.index for s in scores if s.ref.index not in verdict.shown)
        return (*verdict.shown, *others)
    if verdict.name == classes.no_tumor and not rules.gradcam_notumor:
        return ()
    count = int(rules.gradcam.removeprefix("top:"))
    return verdict.shown[: max(count, len(verdict.deciding))]


def drawn_as(caption: SeriesCaption, verdict: Verdict, exponent: float = 1.0) -> str:
    """Digest of everything that pictures of a series show besides its slices.

    If it changes, the pictures are outdated.

    `exponent` is that of a temperature other than the model card's (`verdict.temperature`), which
    changes the probabilities in captions. A heat map volume shows the same, so that the digest does
    not depend on whether one is wanted: `with_volume` records it.
    """
    shown: tuple[object, ...] = (
        _DRAWING_VERSION,
        caption,
        verdict.shown_class,
        verdict.deciding,
        "none",  # kept, so that the digests of existing outputs stay valid
    )
    if exponent != 1:
        shown = (*shown, exponent)
    return hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest()


class Volume(StrEnum):
    """State of the heat map volume (NIfTI) of a series, the last part of `picture_class`."""

    NONE = ""
    WRITTEN = "+nifti"
    WITHOUT_PLACE = "+no_place"  # no volume is possible: the place of the slices is unknown


def with_volume(drawn: str, volume: Volume) -> str:
    """The `picture_class` of a series whose pictures were drawn as `drawn`."""
    return drawn + volume


def split_picture_class(picture_class: str) -> tuple[str, Volume]:
    """How the pictures of a series were drawn (`drawn_as`), and its heat map volume."""
    drawn, plus, volume = picture_class.partition("+")
    return drawn, Volume(plus + volume)


def current_pictures(
    result: SeriesResult, drawn_now: str, wanted: Sequence[int]
) -> tuple[tuple[int, str], ...]:
    """The drawn pictures that are wanted and up to date, in the order of `wanted`.

    All pictures of a series are drawn for the same verdict.
    """
    if split_picture_class(result.picture_class)[0] != drawn_now:
        return ()
    drawn = dict(result.pictures)
    return tuple((index, drawn[index]) for index in wanted if index in drawn)


def has_heat(verdict: Verdict) -> bool:
    """Whether pictures show a heat map: not if the series is out of distribution for the model."""
    return not verdict.reason.is_outside


def series_caption(
    series: Series,
    verdict: Verdict,
    classes: Classes,
    model_digest: str,
    rules: ReportSettings,
) -> SeriesCaption:
    """The part of the caption that all pictures of a series share."""
    description = series.header.series_description if rules.descriptions else ""
    flags = sorted({*series.flags, *verdict.flags})
    return SeriesCaption(
        title=title_of(verdict, classes),
        source=series.source,
        description=description,
        flags=tuple(in_words(flag) for flag in flags),
        model=model_digest[:8],
    )


def caption_of(
    series: Series, caption: SeriesCaption, verdict: Verdict, scores: Scores, classes: Classes
) -> Caption:
    """The caption of the picture of one slice."""
    index = scores.ref.index
    called = verdict.name != INDETERMINATE
    tumor = classes.tumor_probability(scores.probabilities)
    shown = classes.probability(verdict.shown_class, scores.probabilities)
    value = f"{_shortened(verdict.shown_class)} {shown:.2f}" if called else f"p_tumor {tumor:.2f}"
    return Caption(
        series=caption,
        note=f"{value} in this slice" if has_heat(verdict) else "",
        heat_of=_shortened(verdict.shown_class) if has_heat(verdict) else "",
        slice_number=index + 1,
        n_slices=series.n_slices or len(series.slices),
        plane=series.plane,
        deciding=index in verdict.deciding,
    )


def _shortened(name: str) -> str:
    return name if len(name) <= 32 else name[:31] + "…"


def title_of(verdict: Verdict, classes: Classes) -> str:
    """A verdict in one line: class, confidence and p_tumor, or the reason for having no class."""
    if verdict.reason.is_outside:
        return f"no verdict: {verdict.reason.words}"
    if verdict.name == INDETERMINATE:
        return f"{INDETERMINATE}: {verdict.reason.words}"
    if verdict.reason is VerdictReason.KIND_OPEN:
        return f"{verdict.name} {verdict.confidence:.2f}, {verdict.reason.words}"
    tumor = classes.tumor_probability(verdict.probabilities)
    return f"{_shortened(verdict.name)} {verdict.confidence:.2f}, p_tumor {tumor:.2f}"


def draw_pictures(
    series: Series,
    caption: SeriesCaption,
    verdict: Verdict,
    scores: Mapping[int, Scores],
    heat: Mapping[int, FloatArray],
    pixels: Mapping[int, FloatArray],
    classes: Classes,
    output: Path,
) -> tuple[tuple[int, str], ...]:
    """Write the pictures of the slices in `pixels`; returns index and path relative to `output`.

    `heat` contains the Grad-CAM (h, w) of the shown class, or of any tumor, for every slice.
    """
    from batchmri.outputs.pictures import overlay
    from batchmri.preparation.heatmap_projection import map_to_slice

    scale = heat_scale(heat)
    drawn: list[tuple[int, str]] = []
    for index in sorted(pixels):
        picture, spacing = pixels[index], series.shown_spacing
        placed = None
        if has_heat(verdict):
            weighted = heat[index] * weight(verdict, scores[index], classes)
            placed = map_to_slice(weighted, scores[index].box, spacing, picture.shape)
        path = picture_path(series.key, index)
        shown = caption_of(series, caption, verdict, scores[index], classes)
        known_spacing = spacing if series.pixel_spacing else None
        write_atomic(output / path, overlay(picture, placed, scale, known_spacing, shown))
        drawn.append((index, path))
    return tuple(drawn)


def draw_report_strips(
    series: Series,
    verdict: Verdict,
    scores: Mapping[int, Scores],
    heat: Mapping[int, FloatArray],
    pixels: Mapping[int, FloatArray],
    classes: Classes,
    output: Path,
) -> None:
    """Write the strips of a series for the HTML report; slices without pixels stay black."""
    import numpy as np

    from batchmri.outputs.strips import draw_strips, strip_slices
    from batchmri.preparation.heatmap_projection import map_to_slice

    indices = strip_slices(list(scores.values()), verdict)
    assert verdict.deciding_slice is not None
    first = indices.index(verdict.deciding_slice)
    blank = np.zeros((1, 1), np.float32)
    slices = [pixels.get(index, blank) for index in indices]
    strengths = placed = None
    if shows_tumor(verdict, classes):
        scale = heat_scale(heat)
        strengths = [
            np.clip(heat[i] * weight(verdict, scores[i], classes) / scale, 0, 1).astype(np.float32)
            for i in indices
        ]
        placed = map_to_slice(
            strengths[first],
            scores[verdict.deciding_slice].box,
            series.shown_spacing,
            slices[first].shape,
        )
    strips = draw_strips(series, slices, strengths, first, placed)
    paths = strip_paths(series.key)
    write_atomic(output / paths.slices, strips.slices)
    write_atomic(output / paths.thumbnail, strips.thumbnail)
    if strips.heat is not None:
        write_atomic(output / paths.heat, strips.heat)


def report_strips(series: Series, verdict: Verdict, classes: Classes) -> tuple[str, ...]:
    """Paths of the strips that the HTML report needs for a classified series."""
    paths = strip_paths(series.key)
    heat = (paths.heat,) if shows_tumor(verdict, classes) else ()
    return (paths.slices, paths.thumbnail, *heat)


def shows_tumor(verdict: Verdict, classes: Classes) -> bool:
    """Whether the report shows heat maps of a series: not without a tumor or without a verdict."""
    return has_heat(verdict) and verdict.name != classes.no_tumor


def heat_scale(heat: Mapping[int, FloatArray]) -> float:
    """The Grad-CAM value of a series that is drawn at full strength."""
    return max(FULL_HEAT, *(float(h.max()) for h in heat.values()))


def weight(verdict: Verdict, scores: Scores, classes: Classes) -> float:
    """The probability of the shown class, so that slices without a tumor have no strong color."""
    return classes.probability(verdict.shown_class, scores.probabilities)
