"""Reading of the images, masks and slices of volumes that a training table lists."""

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
_GRAY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
FloatImage = npt.NDArray[np.float32]
Spacing = tuple[float, float]


def read_image(row: Row) -> tuple[FloatImage, Spacing]:
    """Read the image of a row (rows, columns) and its pixel spacing (row, column).

    The spacing is in mm for slices of volumes and (1, 1) for image files. Raises UsageError if the
    file cannot be read or the slice does not exist.
    """
    if row.slice is None or row.plane is None:
        return read_gray(row.file), (1.0, 1.0)
    volume, zooms = read_volume(row.file)
    if not 0 <= row.slice < volume.shape[AXES[row.plane]]:
        raise UsageError(f"{row.file}: no {row.plane} slice {row.slice}")
    return displayed(volume, zooms, row.plane, row.slice)


def read_mask(row: Row) -> FloatImage:
    """Read the mask of a row, with the geometry of its image; nonzero pixels are tumor.

    Raises UsageError if the row has no mask or the mask cannot be read.
    """
    if row.mask is None:
        raise UsageError(f"{row.file}: no mask")
    if row.mask.name.endswith((".nii", ".nii.gz")):
        return read_image(replace(row, file=row.mask))[0]
    return read_gray(row.mask)


def read_gray(path: Path) -> FloatImage:
    """Read an image file of any color mode and bit depth as grayscale (rows, columns).

    Raises UsageError if the file cannot be read or is truncated.
    """
    try:
        content = path.read_bytes()
        image = cv2.imdecode(np.frombuffer(content, np.uint8), _GRAY) if content else None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except cv2.error:  # the header declares more pixels than OpenCV accepts
        image = None
    # OpenCV silently fills the missing part of a truncated JPEG with gray.
    cut = content.startswith(_JPEG_START) and _JPEG_END not in content[-4096:]
    if image is None or cut:
        raise UsageError(f"{path}: {'a truncated JPEG' if cut else 'not a readable image'}")
    return image.astype(np.float32)


@lru_cache(maxsize=2)  # a volume and its mask
def read_volume(path: Path) -> tuple[FloatImage, tuple[float, float, float]]:
    """Read a NIfTI volume in RAS+ orientation, and its voxel size (x, y, z) in mm.

    Raises UsageError if the file cannot be read or does not have three dimensions.
    """
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
    volume: FloatImage, zooms: tuple[float, float, float], plane: Plane, index: int
) -> tuple[FloatImage, Spacing]:
    """Return a slice in radiological orientation and its pixel spacing (row, column) in mm.

    The patient's right is on the left of the image; in sagittal slices, anterior is on the left.
    """
    axis = AXES[plane]
    across, down = (other for other in range(3) if other != axis)
    image = np.take(volume, index, axis)[::-1, ::-1].T
    return np.ascontiguousarray(image), (zooms[down], zooms[across])
