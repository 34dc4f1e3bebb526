"""Turn stored values into a slice in display orientation."""

import numpy as np
import numpy.typing as npt

from batchmri.formats.blank import why_blank
from batchmri.formats.decode_task import Refusal
from batchmri.gray_levels import rescaled
from batchmri.reasons import Reason
from batchmri.records import Display, FloatArray


def as_displayed(image: npt.NDArray[np.generic], display: Display) -> npt.NDArray[np.generic]:
    """Return a view of a stored (rows, columns) image, transposed first, then flipped."""
    if display.transpose:
        image = image.T
    if display.flip_rows:
        image = image[::-1]
    if display.flip_columns:
        image = image[:, ::-1]
    return image


def as_stored(image: FloatArray, display: Display) -> FloatArray:
    """Undo `as_displayed`: return a view of a displayed image in its stored orientation."""
    if display.flip_columns:
        image = image[:, ::-1]
    if display.flip_rows:
        image = image[::-1]
    return image.T if display.transpose else image


def finish(values: npt.NDArray[np.floating], display: Display) -> FloatArray | Refusal:
    """Return the slice in display orientation, float32 and finite, or a Refusal if it is blank.

    Non-finite values are replaced with the minimum of the others. Values near the limits of single
    precision are multiplied by a power of two, which shows the same. A slice is blank if fewer than
    0.5% of its pixels differ from the median, or if it is noise without structure.
    """
    with np.errstate(over="ignore"):
        image = np.ascontiguousarray(as_displayed(values, display), dtype=np.float32)
    finite = np.isfinite(image)
    if not finite.all():
        if not finite.any():
            return Refusal(Reason.BLANK_SLICE, "no finite value")
        image[~finite] = image[finite].min()
    image = rescaled(image)
    blank = why_blank(image)
    return Refusal(Reason.BLANK_SLICE, blank) if blank else image
