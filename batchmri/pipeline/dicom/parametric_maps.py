"""Heat maps for Parametric Maps: values of the NIfTI files in OUT, positions of source slices."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError

from batchmri.outputs.dicom.facts import SeriesFacts
from batchmri.outputs.dicom.parametric_map import HeatMap, Plane
from batchmri.outputs.paths import heatmap_path
from batchmri.pipeline.aggregate import AggregatedStudy
from batchmri.pipeline.dicom.dicom_sources import (
    SourceHeaderError,
    instances_with_frames,
    reference_to,
)
from batchmri.pipeline.draw import Volume, has_heat, split_picture_class
from batchmri.pipeline.heatmaps import frame_of
from batchmri.records import FloatArray, Frame, Scores, SeriesKey, SeriesResult
from batchmri.state.store import Store

_SAME_DIRECTION = 1e-3


def heat_maps(study: AggregatedStudy, output: Path) -> tuple[dict[SeriesKey, str], list[str]]:
    """The series of a study with a heat map of their verdict in `output`.

    Returns their `picture_class`, which changes with the map, and the sources of series without a
    heat map, with the reason if it is known. A series outside the model's domain never has one and
    is in neither result.
    """
    found: dict[SeriesKey, str] = {}
    missing: list[str] = []
    for result in study.results:
        key = result.series.key
        if key not in study.verdicts or not has_heat(study.verdicts[key]):
            continue
        volume = split_picture_class(result.picture_class)[1]
        if volume is Volume.WRITTEN and (output / heatmap_path(key)).is_file():
            found[key] = result.picture_class
        else:
            missing.append(result.series.source + _WHY_MISSING[volume])
    return found, missing


_WHY_MISSING = {
    Volume.NONE: "",
    Volume.WRITTEN: " (its heat map was deleted)",
    Volume.WITHOUT_PLACE: " (the place of its slices is unknown)",
}


def heat_map_of(
    store: Store, result: SeriesResult, facts: SeriesFacts, shown: str, output: Path
) -> HeatMap:
    """The heat map of a DICOM series, with the classified slices in their order.

    The axes of the NIfTI file are column, row and slice. Raises SourceHeaderError.
    """
    volume = _volume(output / heatmap_path(result.series.key))
    frames = [_frame(store, scores) for scores in result.scores]
    orientation, spacing = _shared(frames)
    several = instances_with_frames(result.scores)
    sop_class = facts.source.images[0].sop_class
    planes = []
    for scores, frame in zip(result.scores, frames, strict=True):
        assert frame.position is not None
        values = np.ascontiguousarray(volume[:, :, scores.ref.index].T)
        planes.append(Plane(values, reference_to(scores.ref, several, sop_class), frame.position))
    if len({plane.position for plane in planes}) < len(planes):
        raise SourceHeaderError("several slices have the same ImagePositionPatient")
    if not facts.source.by_keyword["FrameOfReferenceUID"]:
        raise SourceHeaderError("FrameOfReferenceUID is missing or invalid in the source header")
    thickness = result.series.slice_spacing or 1.0
    return HeatMap(shown, orientation, (*spacing, thickness), tuple(planes))


def _volume(path: Path) -> FloatArray:
    try:
        image: Any = nibabel.load(path)
        volume: FloatArray = np.asarray(image.dataobj, np.float32)
    except (ImageFileError, OSError, ValueError, EOFError):
        raise SourceHeaderError("the heat map (NIfTI) cannot be read") from None
    return volume


def _frame(store: Store, scores: Scores) -> Frame:
    """The geometry of a classified slice, read from its file again."""
    path = store.files.path(scores.ref.source)
    frame = frame_of(replace(scores.ref, path=path)) if path is not None else None
    if frame is None or None in (frame.position, frame.orientation, frame.pixel_spacing):
        raise SourceHeaderError("the position of a slice can no longer be read")
    return frame


def _shared(
    frames: Sequence[Frame],
) -> tuple[tuple[tuple[float, float, float], tuple[float, float, float]], tuple[float, float]]:
    """Orientation and pixel spacing, which all slices must share."""
    first = frames[0]
    assert first.orientation is not None and first.pixel_spacing is not None
    for frame in frames[1:]:
        assert frame.orientation is not None
        if not np.allclose(frame.orientation, first.orientation, atol=_SAME_DIRECTION):
            raise SourceHeaderError("the slices have different orientations")
    return first.orientation, first.pixel_spacing
