"""Detect slices with nothing to classify: one gray level, air, noise, a few bright pixels."""

import cv2
import numpy as np

from batchmri.gray_levels import percentiles, span
from batchmri.records import FloatArray

ONE_GRAY_LEVEL = "one gray level"
_MIN_DIFFERING = 0.005  # fraction of pixels that differ from the most frequent value
_SAMPLED = 8  # every eighth row and column, so at least three times _MIN_DIFFERING of the pixels
_WORKING_SIDE = 256  # longest side, in pixels; larger images are downsampled
_PERCENTILES = (0.5, 99.5)
_LAG = 1 / 64  # of the longest side: noise correlated by zero filling does not reach this far
_LEAST_LAG = 2  # pixels
_NEIGHBORHOOD = 1 / 6  # of the longest side: coil shading is smooth at this scale, a head is not
_MIN_STRUCTURE = 0.1  # noise reaches 0.07; slices that show part of a head start at 0.11
_SMALLEST_SIDE = 64  # pixels; in smaller images, gyri look like noise


def why_blank(image: FloatArray) -> str:
    """Return why a slice shows nothing to classify, or an empty string if it may show something.

    `image` has shape (rows, columns) and finite values.
    """
    # If almost all pixels have one value, so have most of the sampled ones.
    most = np.median(image[::_SAMPLED, ::_SAMPLED])
    differing = np.count_nonzero(image != most)
    if differing == 0:
        return ONE_GRAY_LEVEL
    if differing < _MIN_DIFFERING * image.size:
        return f"{differing} pixels differ from the background"
    if structure(image) < _MIN_STRUCTURE:
        return "noise without structure"
    return ""


def structure(image: FloatArray) -> float:
    """Return the autocorrelation a few pixels apart, from about 0 (noise) to 1.

    The mean of the neighborhood is subtracted first. The result is the lower of the values along
    rows and along columns, or 1 for images that are too small to evaluate.
    """
    if min(image.shape) < _SMALLEST_SIDE:
        return 1.0
    reduction = max(1.0, max(image.shape) / _WORKING_SIDE)
    size = tuple(max(_SMALLEST_SIDE, round(side / reduction)) for side in reversed(image.shape))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    low, high = percentiles(small, _PERCENTILES)
    if high <= low:
        return 1.0  # fewer pixels differ than the percentiles exclude: not noise
    small = np.clip(small, low, high) - np.float32(low)
    small /= np.float32(span(low, high))
    longest = max(small.shape)
    lag, side = max(_LEAST_LAG, round(_LAG * longest)), max(3, round(_NEIGHBORHOOD * longest))
    residual = small - cv2.blur(small, (side, side))
    across = _mean_product(residual[:, lag:], residual[:, :-lag])
    down = _mean_product(residual[lag:], residual[:-lag])
    return min(across, down) / max(_mean_product(residual, residual), 1e-12)


def _mean_product(a: FloatArray, b: FloatArray) -> float:
    return float(np.einsum("ij,ij->", a, b)) / a.size
