"""Heads prepared for editing: cropped to the brain box, 8 bits, at a common scale."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.preparation.brain_box import brain_box
from batchmri.records import CropBox
from batchmri.training.images import AXES, read_image, read_mask, read_volume
from batchmri.training.table import Plane, Row

Gray = npt.NDArray[np.uint8]
Area = npt.NDArray[np.bool_]
LONGEST_SIDE = 256
_PERCENTILES = (0.5, 99.5)
_AIR = 20  # of 255: darker pixels are air or bone
_MASKED = 0.5


@dataclass(frozen=True, slots=True)
class Head:
    """An image (rows, columns) of a head, its mask and its resolution.

    `pitch` is the number of pixels of this image per pixel of the file, at least 1. `plane` is None
    if the table does not contain it. When `plane` has been inferred, sagittal heads face left.
    `depth` is the position of a slice in its volume, from 0 (left, posterior or inferior) to 1, and
    `box` the part of the file's image that this image shows.
    """

    row: Row
    image: Gray
    mask: Area | None
    pitch: float
    plane: Plane | None
    depth: float | None = None
    box: CropBox | None = None

    @property
    def aspect(self) -> float:
        """Width divided by height."""
        height, width = self.image.shape
        return float(width / height)

    def flipped(self) -> "Head":
        """Return the head mirrored left to right."""
        mask = None if self.mask is None else np.ascontiguousarray(self.mask[:, ::-1])
        return replace(self, image=np.ascontiguousarray(self.image[:, ::-1]), mask=mask)


def read_head(row: Row) -> Head | None:
    """Read the head of a row; None if it has no brain box.

    Raises UsageError if the image or its mask cannot be read.
    """
    image, (down, across) = read_image(row)
    box = brain_box(image)
    if box.failed:
        return None
    inside = (slice(box.y, box.y + box.height), slice(box.x, box.x + box.width))
    scale = LONGEST_SIDE / max(box.height * down, box.width * across)
    size = (round(box.width * across * scale), round(box.height * down * scale))
    low, high = np.percentile(image[inside], _PERCENTILES)
    stretched = np.clip((image[inside] - low) * (255 / max(high - low, 1e-6)), 0, 255)
    mask = None
    if row.mask is not None:
        shares = (read_mask(row)[inside] > 0).astype(np.float32)
        mask = cv2.resize(shares, size, interpolation=cv2.INTER_AREA) > _MASKED
    enlarged = scale * max(down, across)
    interpolation = cv2.INTER_LINEAR if enlarged > 1 else cv2.INTER_AREA
    gray = cv2.resize(stretched, size, interpolation=interpolation).round().astype(np.uint8)
    return Head(row, gray, mask, max(1.0, enlarged), row.plane, _depth(row), box)


def _depth(row: Row) -> float | None:
    if row.slice is None or row.plane is None:
        return None
    volume, _ = read_volume(row.file)
    return (row.slice + 0.5) / int(volume.shape[AXES[row.plane]])


def head_area(image: Gray) -> Area:
    """Return the area of the head, including cavities."""
    bright = (cv2.GaussianBlur(image, (5, 5), 0) > _AIR).astype(np.uint8)
    closed = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros_like(image)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return filled > 0


def tissue(image: Gray) -> Area:
    """Return the area that is neither air nor bone."""
    return image > _AIR


def grown(area: Area, pixels: int) -> Area:
    """Return the area dilated by `pixels`."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(area.astype(np.uint8), kernel) > 0


def resized(mask: Area, head: Head) -> Area:
    """Return the mask of another head, resized to the image of `head`."""
    height, width = head.image.shape
    return cv2.resize(mask.astype(np.uint8), (width, height)) > 0
