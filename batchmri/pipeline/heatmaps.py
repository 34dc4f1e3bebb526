"""Heat maps as NIfTI volumes in the space of their source series, for `--heatmaps nifti`."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError

from batchmri.formats.nifti.header import OWN_HEAT_MAP
from batchmri.formats.orientation import as_stored
from batchmri.formats.read_headers import HeaderContext, read_headers
from batchmri.outputs.atomic_write import write_atomic
from batchmri.outputs.paths import heatmap_path
from batchmri.preparation.heatmap_projection import map_to_slice
from batchmri.records import FileEntry, FloatArray, Frame, Instance, Scores, Series, SliceRef

Affine = npt.NDArray[np.float64]
_NIFTI: Any = nibabel.Nifti1Image
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_heatmap(
    series: Series,
    scores: Mapping[int, Scores],
    heat: Mapping[int, FloatArray],
    weights: Mapping[int, float],
    output: Path,
) -> bool:
    """Write the heat map of a series; returns False if its position in space is unknown.

    `series` must contain its slices. The values are `heat` (h, w) of each slice times its weight,
    interpolated over the brain box and 0 elsewhere. The volume of a NIfTI file has its axes and its
    affine; that of DICOM slices has the axes column, row and slice. Raises OutputError.
    """
    placed = _nifti_space(series) if series.format == "nifti" else _dicom_space(series)
    if placed is None:
        return False
    affine, n_slices = placed
    volume: FloatArray | None = None
    for index, one in scores.items():
        shown = _displayed_shape(series)
        drawn = map_to_slice(heat[index] * weights[index], one.box, series.shown_spacing, shown)
        stored = as_stored(drawn, series.display)
        if volume is None:
            volume = np.zeros((n_slices, *stored.shape), np.float32)
        volume[one.ref.frame - 1 if series.format == "nifti" else index] = stored
    if volume is None:
        return False
    if series.format == "nifti":  # slices across one axis; rows and columns are the other two
        volume = np.moveaxis(volume, 0, series.slice_axis)
    else:
        volume = volume.transpose(2, 1, 0)
    image: Any = _NIFTI(volume, affine)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = OWN_HEAT_MAP + b", research use only"
    content = gzip.compress(image.to_bytes(), compresslevel=6, mtime=0)
    write_atomic(output / heatmap_path(series.key), content)
    return True


def _displayed_shape(series: Series) -> tuple[int, int]:
    shape = (series.rows, series.columns)
    return (shape[1], shape[0]) if series.display.transpose else shape


def _nifti_space(series: Series) -> tuple[Affine, int] | None:
    """The affine of the source file and its number of slices."""
    try:
        source: Any = nibabel.load(series.slices[0].path)
    except (ImageFileError, OSError, ValueError):  # such as a name without an extension
        return None
    if source.affine is None or len(source.shape) < 3:
        return None
    return source.affine, int(source.shape[series.slice_axis])


def _dicom_space(series: Series) -> tuple[Affine, int] | None:
    """The affine of a stack from its first and last slice; slices count as evenly spaced."""
    first, last = (frame_of(series.slices[i]) for i in (0, -1))
    if first is None or last is None or first.orientation is None or first.pixel_spacing is None:
        return None
    if first.position is None or last.position is None:
        return None
    column, row = (np.array(direction) for direction in first.orientation)
    n = len(series.slices)
    step = (np.array(last.position) - np.array(first.position)) / max(n - 1, 1)
    if n == 1 or not step.any():
        step = np.cross(column, row) * (series.slice_spacing or 1.0)
    lps = np.eye(4)
    lps[:3, 0] = column * first.pixel_spacing[1]
    lps[:3, 1] = row * first.pixel_spacing[0]
    lps[:3, 2] = step
    lps[:3, 3] = first.position
    return _LPS_TO_RAS @ lps, n


def frame_of(ref: SliceRef) -> Frame | None:
    """The geometry of a slice, read again from the header of its file."""
    try:
        size = Path(ref.path).stat().st_size
    except OSError:
        return None
    (found,) = read_headers([FileEntry(ref.source, ref.path, size, 0)], HeaderContext(b""))
    if not isinstance(found, Instance):
        return None
    frames = [f for f in found.frames if f.number == ref.frame and f.tile == ref.tile]
    return frames[0] if frames else None
