"""Projection of heat maps from prepared slices back to slices as displayed."""

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.records import CropBox, FloatArray


def map_to_slice(
    heat: npt.NDArray[np.floating],
    box: CropBox,
    pixel_spacing: tuple[float, float],
    slice_shape: tuple[int, int],
) -> FloatArray:
    """Interpolate a heat map (h, w) to an array of `slice_shape` that is zero outside the box.

    This undoes the resize, padding and crop of `prepare` in one step. `pixel_spacing` is
    (row, column) in mm. The prepared square spans the longer side of the box.
    """
    row_mm, column_mm = pixel_spacing
    side = max(box.height * row_mm, box.width * column_mm)
    down = heat.shape[0] * row_mm / side
    across = heat.shape[1] * column_mm / side
    # Center of the box's first pixel, in cells of the heat map.
    top = (heat.shape[0] - box.height * down + down - 1) / 2
    left = (heat.shape[1] - box.width * across + across - 1) / 2
    whole = np.zeros(slice_shape, np.float32)
    whole[box.y : box.y + box.height, box.x : box.x + box.width] = cv2.warpAffine(
        heat.astype(np.float32),
        np.array([[across, 0, left], [0, down, top]], np.float64),
        (box.width, box.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return whole
