"""Reading what a table names: pictures, masks, and slices of volumes."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError

from batchmri.errors import UsageError
from batchmri.training.table import Plane, Row

AXES: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}
_GREY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
FloatPicture = npt.NDArray[np.float32]
Spacing = tuple[float, float]


def read_picture(row: Row) -> tuple[FloatPicture, Spacing]:
    """The picture of a row (rows, columns) and its pixel spacing (row, column).

    Raises UsageError where the file cannot be read or has no such slice.
    """
    if row.slice is None or row.plane is None:
        return read_grey(row.file), (1.0, 1.0)
    volume, zooms = read_volume(row.file)
    if not 0 <= row.slice < volume.shape[AXES[row.plane]]:
        raise UsageError(f"{row.file}: no {row.plane} slice {row.slice}")
    return displayed(volume, zooms, row.plane, row.slice)


def read_mask(row: Row) -> FloatPicture:
    """The mask of a row, laid like its picture: not 0 where the tumour is.

    Raises UsageError, as read_picture does, and where the row has none.
    """
    if row.mask is None:
        raise UsageError(f"{row.file}: no mask")
    if row.mask.name.endswith((".nii", ".nii.gz")):
        return read_picture(replace(row, file=row.mask))[0]
    return read_grey(row.mask)


def read_grey(path: Path) -> FloatPicture:
    """A picture file of any colour mode and depth as one grey channel."""
    try:
        content = path.read_bytes()
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), _GREY) if content else None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except cv2.error:  # a header that promises more pixels than OpenCV takes
        picture = None
    # OpenCV makes what is missing of a JPEG grey, and says nothing.
    cut = content.startswith(_JPEG_START) and _JPEG_END not in content[-4096:]
    if picture is None or cut:
        raise UsageError(f"{path}: {'a JPEG cut short' if cut else 'not a readable picture'}")
    return picture.astype(np.float32)


@lru_cache(maxsize=2)  # a volume and its mask
def read_volume(path: Path) -> tuple[FloatPicture, tuple[float, float, float]]:
    """A NIfTI volume with axes to right, anterior, superior, and its voxel size in mm."""
    try:
        image: Any = nibabel.as_closest_canonical(nibabel.load(path))  # type: ignore[no-untyped-call]
        volume = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32))
    except (OSError, ImageFileError, ValueError, EOFError) as error:
        raise UsageError(f"{path}: not a readable volume ({error})") from None
    if volume.ndim != 3:
        raise UsageError(f"{path}: {volume.ndim} dimensions, a volume has 3")
    x, y, z = (float(size) for size in image.header.get_zooms()[:3])
    return volume, (x, y, z)


def displayed(
    volume: FloatPicture, zooms: tuple[float, float, float], plane: Plane, index: int
) -> tuple[FloatPicture, Spacing]:
    """One slice as radiologists view the plane, and its pixel spacing.

    Patient's right on the picture's left; in sagittal slices, anterior on the left.
    """
    axis = AXES[plane]
    across, down = (other for other in range(3) if other != axis)
    picture = np.take(volume, index, axis)[::-1, ::-1].T
    return np.ascontiguousarray(picture), (zooms[down], zooms[across])
