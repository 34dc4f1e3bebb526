"""Selection of the slices of a series that are drawn, and drawing them."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchmri.outputs.atomic_write import write_atomic
from batchmri.outputs.paths import montage_path, picture_path
from batchmri.outputs.pictures import Caption, montage, overlay
from batchmri.preparation.heatmap_projection import map_to_slice
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
from batchmri.settings.sections import ReportSettings

_MAX_MONTAGE_PICTURES = 24
_DRAWING_VERSION = "2"
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


def drawn_as(verdict: Verdict) -> str:
    """Digest of what pictures of a series show besides its slices; if it changes, redraw them."""
    shown = (
        _DRAWING_VERSION, verdict.name, verdict.reason, verdict.shown_class, verdict.deciding
    )  # fmt: skip
    return hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest()


def current_pictures(
    result: SeriesResult, verdict: Verdict, wanted: Sequence[int]
) -> tuple[tuple[int, str], ...]:
    """The drawn pictures that are wanted and up to date, in the order of `wanted`.

    All pictures of a series are drawn for the same verdict.
    """
    if result.picture_class != drawn_as(verdict):
        return ()
    drawn = dict(result.pictures)
    return tuple((index, drawn[index]) for index in wanted if index in drawn)


def has_heat(verdict: Verdict) -> bool:
    """Whether pictures show a heat map: not if the series is out of distribution for the model."""
    return not verdict.reason.is_outside


def caption_of(series: Series, verdict: Verdict, scores: Scores, classes: Classes) -> Caption:
    """The caption of the picture of one slice."""
    index = scores.ref.index
    called = verdict.name != INDETERMINATE
    tumor = classes.tumor_probability(scores.probabilities)
    shown = classes.probability(verdict.shown_class, scores.probabilities)
    return Caption(
        title=f"{_shortened(verdict.name)}  {shown:.2f}" if called else title_of(verdict),
        note=_note(verdict, tumor),
        heat_of=_shortened(verdict.shown_class) if has_heat(verdict) else "",
        slice_number=index + 1,
        n_slices=series.n_slices or len(series.slices),
        plane=series.plane,
        deciding=index in verdict.deciding,
    )


def _note(verdict: Verdict, tumor: float) -> str:
    if verdict.reason is VerdictReason.KIND_OPEN:
        return verdict.reason.words
    if verdict.name != INDETERMINATE or not has_heat(verdict):
        return ""
    return f"p_tumor {tumor:.2f} in this slice"


def _shortened(name: str) -> str:
    return name if len(name) <= 32 else name[:31] + "…"


def title_of(verdict: Verdict) -> str:
    """A verdict in one line: class and confidence, or the reason for having no class."""
    if verdict.reason is VerdictReason.KIND_OPEN:
        return f"{verdict.name} {verdict.confidence:.2f}, {verdict.reason.words}"
    if verdict.name != INDETERMINATE:
        return f"{verdict.name} {verdict.confidence:.2f}"
    called = "no verdict" if verdict.reason.is_outside else INDETERMINATE
    return f"{called}: {verdict.reason.words}"


def draw_pictures(
    series: Series,
    verdict: Verdict,
    scores: Mapping[int, Scores],
    heat: Mapping[int, FloatArray],
    pixels: Mapping[int, FloatArray],
    classes: Classes,
    output: Path,
) -> tuple[tuple[int, str], ...]:
    """Write the pictures of the slices in `pixels`; returns index and path relative to `output`.

    `heat` contains the Grad-CAM (h, w) of the shown class, or of any tumor, for every slice of the
    series. It is multiplied by the probability of that class in the slice, so that slices without a
    tumor have no strong color.
    """
    scale = max(FULL_HEAT, *(float(h.max()) for h in heat.values()))
    drawn: list[tuple[int, str]] = []
    for index in sorted(pixels):
        picture, spacing = pixels[index], series.shown_spacing
        placed = None
        if has_heat(verdict):
            row = scores[index].probabilities
            evidence = heat[index] * classes.probability(verdict.shown_class, row)
            placed = map_to_slice(evidence, scores[index].box, spacing, picture.shape)
        caption = caption_of(series, verdict, scores[index], classes)
        path = picture_path(series.key, index)
        write_atomic(output / path, overlay(picture, placed, scale, spacing, caption))
        drawn.append((index, path))
    return tuple(drawn)


def draw_montage(study_uid: str, paths: Sequence[str], lines: Sequence[str], output: Path) -> None:
    """Write the montage of a study from its first pictures (`paths`, relative to `output`)."""
    pictures = [(output / path).read_bytes() for path in paths[:_MAX_MONTAGE_PICTURES]]
    write_atomic(output / montage_path(study_uid), montage(pictures, lines))
