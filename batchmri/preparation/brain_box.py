"""The brain box: where the head lies in a slice, by its largest contour.

After the preparation of the Brain Tumor MRI Dataset's papers (blur, threshold, erode and dilate,
largest contour, its bounding box), made to work at any bit depth and on faint pictures: grey
levels are first stretched between robust percentiles, and the threshold follows the picture.
"""

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.records import CropBox

_WORKING_SIDE = 256  # longest side that the contour is looked for at; larger pictures are reduced
_PERCENTILES = (1.0, 99.0)
_OTSU_SHARE = 0.5  # Otsu's threshold parts bright fat from brain in some heads: go below it
_THRESHOLDS = (12, 45)  # of 255: above noise, and never above the papers' fixed 45
_SMALLEST_AREA = 0.02  # of the picture; a smaller box is a speck, not a head
_KERNEL = np.ones((3, 3), np.uint8)


def brain_box(picture: npt.NDArray[np.generic]) -> CropBox:
    """The box around the head in a picture (rows, columns) of any real type, in its pixels.

    Where none is found that could be a head, the whole picture with `failed` set.
    """
    height, width = picture.shape
    grey = _stretched(picture)
    _, foreground = cv2.threshold(grey, _threshold(grey), 255, cv2.THRESH_BINARY)
    foreground = cv2.dilate(cv2.erode(foreground, _KERNEL, iterations=2), _KERNEL, iterations=2)
    contours, _ = cv2.findContours(foreground, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if contours:
        x, y, w, h = cv2.boundingRect(max(contours, key=cv2.contourArea))
        if w * h >= _SMALLEST_AREA * grey.size:
            return _scaled(x, y, w, h, width / grey.shape[1], height / grey.shape[0])
    return CropBox(0, 0, width, height, failed=True)


def _stretched(picture: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    reduction = max(1.0, max(picture.shape) / _WORKING_SIDE)
    size = tuple(max(1, round(side / reduction)) for side in reversed(picture.shape))
    small = cv2.resize(picture.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    low, high = np.percentile(small[::2, ::2], _PERCENTILES)
    small = (small - low) * (255.0 / max(float(high - low), 1e-6))
    blurred: npt.NDArray[np.uint8] = cv2.GaussianBlur(np.clip(small, 0, 255), (5, 5), 0).astype(
        np.uint8
    )
    return blurred


def _threshold(grey: npt.NDArray[np.uint8]) -> float:
    otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    lowest, highest = _THRESHOLDS
    return float(np.clip(_OTSU_SHARE * otsu, lowest, highest))


def _scaled(x: int, y: int, w: int, h: int, across: float, down: float) -> CropBox:
    left, top = round(x * across), round(y * down)
    return CropBox(left, top, round((x + w) * across) - left, round((y + h) * down) - top)
