"""Recognition of skull-stripped slices.

In a stripped slice everything outside the brain has one value. There is no scalp, so the rim is
darker than the inside, and no bone, so few pixels below the rim are dark. The limit was chosen on
slices of whole heads and of skull-stripped tumor volumes (experiments/b1/README.md).
"""

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.gray_levels import percentiles, span

_SIDE = 128  # longest side of the reduced image, in pixels
_FOREGROUND = 0.1  # of the range of gray levels
_MIN_AREA = 0.02  # share of the image
# Depths below the edge, relative to the radius of a disk of equal area.
_RIM, _BONE, _INSIDE = 0.06, 0.25, 0.35
_DARK = 0.45  # of the brightness of the inside
_MAX_SKULL = 0.95  # brightness of the rim relative to the inside + 2 * share of dark pixels below
_MIN_CONSTANT = 0.95  # share of the background with the lowest value


def is_skull_stripped(image: npt.NDArray[np.floating]) -> bool:
    """Whether a displayed slice (rows, columns) shows a brain without skull and scalp."""
    lowest = image.min()
    edges = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    if (edges == lowest).mean() < _MIN_CONSTANT:
        return False  # most slices end here, before the image is resized
    gray = _reduced(image - lowest)
    head = _filled_outline((gray > _FOREGROUND).astype(np.uint8))
    if head.mean() < _MIN_AREA:
        return False
    size = (image.shape[1], image.shape[0])
    outside = cv2.resize(cv2.dilate(head, np.ones((5, 5), np.uint8)), size) == 0
    if not outside.any() or (image[outside] == lowest).mean() < _MIN_CONSTANT:
        return False
    depth = cv2.distanceTransform(np.pad(head, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    depth = depth / np.sqrt(head.sum() / np.pi)
    rim = gray[(depth > 0) & (depth <= _RIM)]
    below = gray[(depth > _RIM) & (depth <= _BONE)]
    inside = gray[depth > _INSIDE]
    if not (rim.size and below.size and inside.size):
        return False
    bright = float(np.median(inside))
    skull = float(np.median(rim)) / max(bright, 1e-6) + 2 * float((below < _DARK * bright).mean())
    return skull < _MAX_SKULL


def _reduced(image: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    reduction = max(1.0, max(image.shape) / _SIDE)
    size = tuple(max(1, round(side / reduction)) for side in reversed(image.shape))
    small = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    highest = span(0, *percentiles(small, (99,)))
    with np.errstate(over="ignore"):
        gray: npt.NDArray[np.float32] = np.clip(small / highest, 0, 1).astype(np.float32)
    return gray


def _filled_outline(foreground: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The largest region of the foreground without its holes."""
    closed = cv2.morphologyEx(foreground, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros_like(foreground)
    if contours:
        cv2.drawContours(filled, [max(contours, key=cv2.contourArea)], -1, 1, -1)
    return filled
