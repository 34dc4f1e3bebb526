"""Slices without anything to classify: one grey level, air, noise, a speck."""

import cv2
import numpy as np

from batchmri.records import FloatArray

ONE_GREY_LEVEL = "one grey level"
_MIN_DIFFERING = 0.005  # of the pixels, from the median
_WORKING_SIDE = 256  # longest side, in pixels; larger pictures are reduced
_PERCENTILES = (0.5, 99.5)
_LAG = 1 / 64  # of the longest side: further than zero filling and interpolation correlate noise
_LEAST_LAG = 2  # pixels
_NEIGHBORHOOD = 1 / 6  # of the longest side: a coil's shading is smooth over it, a head is not
_MIN_STRUCTURE = 0.1  # noise reaches 0.07; slices of heads with anything in them begin at 0.11
_SMALLEST_SIDE = 64  # pixels; gyri in fewer look like noise


def why_blank(image: FloatArray) -> str:
    """Why a finite slice (rows, columns) shows nothing to classify; empty where it may."""
    differing = np.count_nonzero(image != np.median(image))
    if differing == 0:
        return ONE_GREY_LEVEL
    if differing < _MIN_DIFFERING * image.size:
        return f"{differing} pixels differ from the background"
    if structure(image) < _MIN_STRUCTURE:
        return "noise without structure"
    return ""


def structure(image: FloatArray) -> float:
    """How far a pixel foretells those a few pixels away, from about 0 (noise) to 1.

    The autocorrelation at a lag, in the direction where it is less, after the mean of the
    neighborhood is taken out. 1 for pictures too small to tell.
    """
    if min(image.shape) < _SMALLEST_SIDE:
        return 1.0
    reduction = max(1.0, max(image.shape) / _WORKING_SIDE)
    size = tuple(max(_SMALLEST_SIDE, round(side / reduction)) for side in reversed(image.shape))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    low, high = np.percentile(small, _PERCENTILES)
    if not 0 < high - low < np.inf:
        return 1.0  # fewer pixels differ than the percentiles leave out: not noise
    small = np.clip((small - low) / (high - low), 0, 1)
    longest = max(small.shape)
    lag, side = max(_LEAST_LAG, round(_LAG * longest)), max(3, round(_NEIGHBORHOOD * longest))
    rest = small - cv2.blur(small, (side, side))
    across = float((rest[:, lag:] * rest[:, :-lag]).mean())
    down = float((rest[lag:] * rest[:-lag]).mean())
    return min(across, down) / max(float((rest**2).mean()), 1e-12)
