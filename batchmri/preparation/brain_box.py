"""Detection of the brain box, the bounding box of the largest contour in a slice.

The steps are those of papers on the Brain Tumor MRI Dataset: blur, threshold, erode and dilate,
largest contour, bounding box. To support any bit depth and faint images, gray levels are first
stretched between robust percentiles, and the threshold adapts to the image.
"""

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.gray_levels import percentiles, stretched
from batchmri.records import CropBox

_WORKING_SIDE = 256  # longest side, in pixels, for the contour search; larger images are reduced
_PERCENTILES = (1.0, 99.0)
_OTSU_SHARE = 0.5  # in some heads, Otsu's full threshold separates bright fat from brain
_THRESHOLDS = (12, 45)  # of 255: above noise, and at most the papers' fixed threshold of 45
_SMALLEST_AREA = 0.02  # share of the image; a smaller box is a speck, not a head
_KERNEL = np.ones((3, 3), np.uint8)


def brain_box(image: npt.NDArray[np.generic]) -> CropBox:
    """Find the box around the head, in pixels of an image (rows, columns) of any real type.

    If no contour is large enough to be a head, returns the whole image with `failed` set.
    """
    height, width = image.shape
    gray = _reduce_and_stretch(image)
    _, foreground = cv2.threshold(gray, _threshold(gray), 255, cv2.THRESH_BINARY)
    foreground = cv2.dilate(cv2.erode(foreground, _KERNEL, iterations=2), _KERNEL, iterations=2)
    contours, _ = cv2.findContours(foreground, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if contours:
        x, y, w, h = cv2.boundingRect(max(contours, key=cv2.contourArea))
        if w * h >= _SMALLEST_AREA * gray.size:
            return _scale_box(x, y, w, h, width / gray.shape[1], height / gray.shape[0])
    return CropBox(0, 0, width, height, failed=True)


def _reduce_and_stretch(image: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    reduction = max(1.0, max(image.shape) / _WORKING_SIDE)
    size = tuple(max(1, round(side / reduction)) for side in reversed(image.shape))
    small = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    low, high = percentiles(small[::2, ::2], _PERCENTILES)
    blurred = cv2.GaussianBlur(stretched(small, low, high), (5, 5), 0)
    return blurred.astype(np.uint8)


def _threshold(gray: npt.NDArray[np.uint8]) -> float:
    otsu, _ = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    lowest, highest = _THRESHOLDS
    return float(np.clip(_OTSU_SHARE * otsu, lowest, highest))


def _scale_box(x: int, y: int, w: int, h: int, across: float, down: float) -> CropBox:
    left, top = round(x * across), round(y * down)
    return CropBox(left, top, round((x + w) * across) - left, round((y + h) * down) - top)
