"""Preparation of displayed slices for the network, shared by training and scanning.

Each slice is prepared independently, so that its scores do not depend on other slices. The steps
are those of `monai_transforms`, in NumPy, so that decoding processes prepare slices without
importing torch. A test compares both.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from batchmri.gray_levels import percentiles, span
from batchmri.preparation.brain_box import brain_box
from batchmri.preparation.resize import resize
from batchmri.records import CropBox, FloatArray

Spacing = tuple[float, float]
Image = npt.NDArray[Any]

_PERCENTILE_STRIDE = 2  # percentiles of a quarter of the pixels are accurate enough


class PreparationSettings(BaseModel):
    """Preparation of slices; stored in the model card."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(160, ge=32, description="Side of the prepared square, pixels.")
    lower_percentile: float = Field(
        0.5, ge=0, le=100, description="Percentile inside the brain box that becomes black."
    )
    upper_percentile: float = Field(
        99.5, ge=0, le=100, description="Percentile inside the brain box that becomes white."
    )
    black: float = Field(-1.0, description="Input value of the network for black.")
    white: float = Field(1.0, description="Input value of the network for white.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.lower_percentile >= self.upper_percentile:
            raise ValueError(
                f"lower_percentile {self.lower_percentile:g} must be below upper_percentile "
                f"{self.upper_percentile:g}"
            )
        return self


@dataclass(frozen=True, slots=True)
class Prepared:
    """Prepared slices as pixels (S, 1, size, size) float32, with the brain box of each slice."""

    pixels: FloatArray
    boxes: list[CropBox]


def prepare(slices: Image, pixel_spacing: Spacing, settings: PreparationSettings) -> Prepared:
    """Crop slices (S, H, W) to the brain box, stretch their gray levels and make them square.

    `pixel_spacing` is (row, column) in mm; only the ratio matters.
    """
    pixels = np.empty((len(slices), 1, settings.size, settings.size), np.float32)
    boxes = [
        prepare_slice(image, pixel_spacing, settings, into)
        for image, (into,) in zip(slices, pixels, strict=True)
    ]
    return Prepared(pixels, boxes)


def prepare_slice(
    image: Image, pixel_spacing: Spacing, settings: PreparationSettings, into: FloatArray
) -> CropBox:
    """Prepare one slice (H, W) into a given array (size, size), and return its brain box."""
    box = brain_box(image)
    low, high = gray_range(image, box, settings)
    inside = _crop(image, box).astype(np.float32)
    with np.errstate(over="ignore"):  # infinite values become white or black
        inside -= np.float32(low)
        inside /= np.float32(span(low, high))
        inside *= np.float32(settings.white - settings.black)
        inside += np.float32(settings.black)
    np.clip(inside, settings.black, settings.white, out=inside)
    _to_square(inside, box, pixel_spacing, settings.black, into)
    return box


def prepare_mask(mask: Image, box: CropBox, pixel_spacing: Spacing, size: int) -> FloatArray:
    """Apply the geometry of `prepare` to a mask (H, W): shares (1, size, size) from 0 to 1."""
    shares = np.empty((1, size, size), np.float32)
    _to_square(_crop(mask > 0, box).astype(np.float32), box, pixel_spacing, 0.0, shares[0])
    return shares.clip(0, 1)


def gray_range(image: Image, box: CropBox, settings: PreparationSettings) -> tuple[float, float]:
    """Return the gray levels of an image that become black and white."""
    sample = _crop(image, box)[::_PERCENTILE_STRIDE, ::_PERCENTILE_STRIDE]
    low, high = percentiles(sample, (settings.lower_percentile, settings.upper_percentile))
    return low, high


def resized_shape(box: CropBox, pixel_spacing: Spacing, size: int) -> tuple[int, int]:
    """Return the shape of a brain box with square pixels whose longer side is `size`."""
    height, width = box.height * pixel_spacing[0], box.width * pixel_spacing[1]
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _crop(image: Image, box: CropBox) -> Image:
    return image[box.y : box.y + box.height, box.x : box.x + box.width]


def _to_square(
    inside: FloatArray, box: CropBox, spacing: Spacing, outside: float, into: FloatArray
) -> None:
    size = len(into)
    rows, columns = resized_shape(box, spacing, size)
    top, left = (size - rows) // 2, (size - columns) // 2
    into[:] = outside
    into[top : top + rows, left : left + columns] = resize(inside, (rows, columns))
