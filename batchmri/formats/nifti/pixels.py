"""Read slices of one NIfTI file, scaled and in display orientation."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from batchmri.formats.blank import ONE_GRAY_LEVEL
from batchmri.formats.decode_task import Decoded, DecodeTask, Refusal, Refused
from batchmri.formats.label_map import is_label_map
from batchmri.formats.nifti.file import (
    NiftiFile,
    open_nifti,
    read_planes,
    read_volume,
    shared_volume,
)
from batchmri.formats.orientation import finish
from batchmri.reasons import Reason
from batchmri.records import FloatArray

TRAILING_BYTES = "trailing_bytes"
_BYTES_PER_PIXEL = 4  # of a decoded slice

Planes = Mapping[int, npt.NDArray[np.generic]]


def read_nifti_pixels(task: DecodeTask) -> Decoded:
    """Return one slice or Refusal per requested frame of the first volume.

    Frame n is slice n - 1 across `slice_axis`: rows are the first remaining axis, columns the
    second. Raises Refused if the whole file is refused (such as a label map), OSError if it cannot
    be read.
    """
    file = open_nifti(task.path)
    n_slices = file.shape[task.slice_axis]
    plane = file.shape[: task.slice_axis] + file.shape[task.slice_axis + 1 :]
    if plane[0] * plane[1] * _BYTES_PER_PIXEL * len(task.frames) > task.max_bytes:
        raise Refused(
            Reason.TOO_LARGE, f"{len(task.frames)} slices of {plane[0]} x {plane[1]} pixels"
        )
    indices = tuple(number - 1 for number in task.frames if 1 <= number <= n_slices)
    if task.again:
        planes: Planes = read_planes(file, task.slice_axis, indices, task.max_bytes)
        trailing = False
    else:
        volume, trailing = _volume(file, task)
        across = np.moveaxis(volume, task.slice_axis, 0)
        planes = {index: across[index] for index in indices}  # views
    return Decoded(
        tuple(
            _slice(planes[number - 1], file, task)
            if 1 <= number <= n_slices
            else Refusal(Reason.BAD_PIXELS, f"slice {number} of {n_slices}")
            for number in task.frames
        ),
        flags=(TRAILING_BYTES,) if trailing else (),
    )


def _volume(file: NiftiFile, task: DecodeTask) -> tuple[npt.NDArray[np.generic], bool]:
    """Return the first volume, and whether other bytes follow its gzip stream.

    A shared volume is read and checked for labels only once. Raises Refused for a label map.
    """
    if task.shared and (volume := shared_volume(file, task.shared)) is not None:
        return volume, False
    volume, trailing = read_volume(file, task.max_bytes, task.shared)
    if is_label_map(volume):
        raise Refused(Reason.LABEL_MAP)
    return volume, trailing


def _slice(
    stored: npt.NDArray[np.generic], file: NiftiFile, task: DecodeTask
) -> FloatArray | Refusal:
    first = stored.flat[0]
    if np.isfinite(first) and (stored == first).all():
        return Refusal(Reason.BLANK_SLICE, ONE_GRAY_LEVEL)
    with np.errstate(over="ignore", invalid="ignore"):
        values = stored.astype(np.float64) * file.slope + file.intercept
    return finish(values, task.display)
