"""Which slices of a series get a Grad-CAM picture, and drawing them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from batchmri.pixels import map_to_picture
from batchmri.records import Classes, FloatArray, Scores, Series, SeriesResult, Verdict
from batchmri.report import Caption, montage, montage_path, overlay, picture_path, write_atomic
from batchmri.settings import ReportSettings

_MOST_IN_MONTAGE = 12


def wanted_pictures(
    scores: Sequence[Scores], verdict: Verdict, classes: Classes, rules: ReportSettings
) -> tuple[int, ...]:
    """Indices of the slices to draw, the most telling first."""
    if rules.gradcam == "all":
        return tuple(s.ref.index for s in scores)
    if rules.gradcam == "none":
        return ()
    if verdict.name == classes.no_tumor and not rules.gradcam_notumor:
        return ()
    return verdict.shown[: int(rules.gradcam.removeprefix("top:"))]


def honoured_pictures(
    result: SeriesResult, verdict: Verdict, wanted: Sequence[int]
) -> tuple[tuple[int, str], ...]:
    """Those of the drawn pictures that today's rules want, drawn for the class that they show."""
    if result.picture_class != verdict.shown_class:
        return ()
    return tuple((index, path) for index, path in result.pictures if index in wanted)


def draw_pictures(
    series: Series,
    verdict: Verdict,
    scores: Mapping[int, Scores],
    heat: Mapping[int, FloatArray],
    pixels: Mapping[int, FloatArray],
    position: int,
    output: Path,
) -> tuple[tuple[int, str], ...]:
    """Write the pictures of the slices in `pixels`; gives index and path below `output`.

    `heat` holds Grad-CAM (h, w) of the shown class for every slice of the series: its largest
    value anywhere in the series is drawn as full. `position` is that class's place in the card.
    """
    scale = max(float(h.max()) for h in heat.values())
    drawn: list[tuple[int, str]] = []
    for index in sorted(pixels):
        picture, slice_scores = pixels[index], scores[index]
        spacing = series.shown_spacing
        caption = Caption(
            name=verdict.shown_class,
            probability=slice_scores.probabilities[position],
            slice_number=index + 1,
            n_slices=len(series.slices),
            plane=series.plane,
        )
        placed = map_to_picture(heat[index], slice_scores.box, spacing, picture.shape)
        path = picture_path(series.key, index)
        write_atomic(output / path, overlay(picture, placed, scale, spacing, caption))
        drawn.append((index, path))
    return tuple(drawn)


def draw_montage(study_uid: str, paths: Sequence[str], lines: Sequence[str], output: Path) -> None:
    """Write the montage of a study from the pictures of its series."""
    pictures = [(output / path).read_bytes() for path in paths[:_MOST_IN_MONTAGE]]
    write_atomic(output / montage_path(study_uid), montage(pictures, lines))
