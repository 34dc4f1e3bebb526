"""From stored values to the slice that a viewer shows."""

import numpy as np
import numpy.typing as npt

from batchmri.formats.blank import why_blank
from batchmri.formats.decode_task import Refusal
from batchmri.reasons import Reason
from batchmri.records import Display, FloatArray


def as_displayed(image: npt.NDArray[np.generic], display: Display) -> npt.NDArray[np.generic]:
    """A view of a stored (rows, columns) image as shown: transposed first, then flipped."""
    if display.transpose:
        image = image.T
    if display.flip_rows:
        image = image[::-1]
    if display.flip_columns:
        image = image[:, ::-1]
    return image


def finish(values: npt.NDArray[np.floating], display: Display) -> FloatArray | Refusal:
    """The slice as displayed, float32 and finite, or a refusal where it is blank.

    What is not finite becomes the minimum of the rest. Blank: fewer than 0.5 % of the pixels
    differ from the median, or the whole is noise without structure.
    """
    with np.errstate(over="ignore"):
        image = np.ascontiguousarray(as_displayed(values, display), dtype=np.float32)
    finite = np.isfinite(image)
    if not finite.all():
        if not finite.any():
            return Refusal(Reason.BLANK_SLICE, "no finite value")
        image[~finite] = image[finite].min()
    blank = why_blank(image)
    return Refusal(Reason.BLANK_SLICE, blank) if blank else image
