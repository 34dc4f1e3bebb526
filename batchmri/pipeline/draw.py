"""Which slices of a series get a picture, and drawing them."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from batchmri.outputs.atomic_write import write_atomic
from batchmri.outputs.paths import montage_path, picture_path
from batchmri.outputs.pictures import Caption, montage, overlay
from batchmri.preparation.heatmap_projection import map_to_picture
from batchmri.records import (
    INDETERMINATE,
    Classes,
    FloatArray,
    Scores,
    Series,
    SeriesResult,
    Verdict,
)
from batchmri.settings import ReportSettings

_MOST_IN_MONTAGE = 24
_DRAWING = "2"
"""Version of the drawing: pictures of another one are drawn again."""
FULL_HEAT = 8.0
"""Evidence (Grad-CAM, in units of the logits) that is drawn at full strength, or the largest of the
series where that is more: a map that hardly rises stays faint."""


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
    """What pictures of a series show beside its slices; another value, and they are outdated."""
    shown = (
        _DRAWING, verdict.name, verdict.reason, verdict.shown_class, verdict.deciding
    )  # fmt: skip
    return hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest()


def current_pictures(
    result: SeriesResult, verdict: Verdict, wanted: Sequence[int]
) -> tuple[tuple[int, str], ...]:
    """Those of the drawn pictures that today's rules want and would draw the same, in that order.

    All pictures of a series are drawn for one verdict.
    """
    if result.picture_class != drawn_as(verdict):
        return ()
    drawn = dict(result.pictures)
    return tuple((index, drawn[index]) for index in wanted if index in drawn)


def has_heat(verdict: Verdict) -> bool:
    """Whether its pictures show a heat map: none where the model cannot aggregate the series."""
    return not verdict.reason.is_outside


def caption_of(series: Series, verdict: Verdict, scores: Scores, classes: Classes) -> Caption:
    """The words around the picture of one slice."""
    index = scores.ref.index
    called = verdict.name != INDETERMINATE
    tumor = classes.tumor_probability(scores.probabilities)
    shown = scores.probabilities[classes.names.index(verdict.shown_class)]
    return Caption(
        title=f"{_clipped(verdict.name)}  {shown:.2f}" if called else title_of(verdict),
        note="" if called or not has_heat(verdict) else f"p_tumor {tumor:.2f} in this slice",
        heat_of=_clipped(verdict.shown_class) if has_heat(verdict) else "",
        slice_number=index + 1,
        n_slices=series.n_slices or len(series.slices),
        plane=series.plane,
        deciding=index in verdict.deciding,
    )


def _clipped(name: str) -> str:
    return name if len(name) <= 32 else name[:31] + "…"


def title_of(verdict: Verdict) -> str:
    """A verdict in a line: what was called and how sure, or why nothing was."""
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
    """Write the pictures of the slices in `pixels`; returns index and path below `output`.

    `heat` is the Grad-CAM (h, w) of the shown class for every slice of the series. Its strength is
    multiplied by the probability of the class in the slice: there is no strong color where the
    model sees no tumor.
    """
    position = classes.names.index(verdict.shown_class)
    scale = max(FULL_HEAT, *(float(h.max()) for h in heat.values()))
    drawn: list[tuple[int, str]] = []
    for index in sorted(pixels):
        picture, spacing = pixels[index], series.shown_spacing
        placed = None
        if has_heat(verdict):
            evidence = heat[index] * scores[index].probabilities[position]
            placed = map_to_picture(evidence, scores[index].box, spacing, picture.shape)
        caption = caption_of(series, verdict, scores[index], classes)
        path = picture_path(series.key, index)
        write_atomic(output / path, overlay(picture, placed, scale, spacing, caption))
        drawn.append((index, path))
    return tuple(drawn)


def draw_montage(study_uid: str, paths: Sequence[str], lines: Sequence[str], output: Path) -> None:
    """Write the montage of a study from the pictures of its series, the most telling first."""
    pictures = [(output / path).read_bytes() for path in paths[:_MOST_IN_MONTAGE]]
    write_atomic(output / montage_path(study_uid), montage(pictures, lines))
