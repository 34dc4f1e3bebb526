"""Slices of one NIfTI file: scaled, and turned into the displayed orientation."""

import numpy as np

from batchmri.pixels.display import finish
from batchmri.pixels.labels import is_label_map
from batchmri.pixels.nifti_file import open_nifti, read_volume
from batchmri.pixels.task import DecodeTask, Refusal, Refused
from batchmri.reasons import Reason
from batchmri.records import FloatArray

_BYTES_PER_PIXEL = 4  # of a decoded slice


def read_nifti(task: DecodeTask) -> tuple[FloatArray | Refusal, ...]:
    """One slice or refusal per frame asked, of the first volume.

    Frame n is `np.take(volume, n - 1, axis=slice_axis)`: rows are the first remaining axis,
    columns the second. Raises Refused where the whole file is refused (a label map is), OSError
    where it cannot be read.
    """
    file = open_nifti(task.path)
    n_slices = file.shape[task.slice_axis]
    plane = file.shape[: task.slice_axis] + file.shape[task.slice_axis + 1 :]
    if plane[0] * plane[1] * _BYTES_PER_PIXEL * len(task.frames) > task.max_bytes:
        raise Refused(Reason.TOO_LARGE, f"{len(task.frames)} of {plane[0]} x {plane[1]} pixels")
    volume = read_volume(file, task.max_bytes)
    if is_label_map(volume):
        raise Refused(Reason.LABEL_MAP)
    slices: list[FloatArray | Refusal] = []
    for number in task.frames:
        if not 1 <= number <= n_slices:
            slices.append(Refusal(Reason.BAD_PIXELS, f"slice {number} of {n_slices}"))
            continue
        stored = np.take(volume, number - 1, axis=task.slice_axis)
        with np.errstate(over="ignore", invalid="ignore"):
            values = stored.astype(np.float64) * file.slope + file.intercept
        slices.append(finish(values, task.display))
    return tuple(slices)
