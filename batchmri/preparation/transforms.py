"""Preparation of displayed slices for the network, shared by training and scanning.

Each slice is prepared independently, so that its scores do not depend on other slices.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from monai.data import get_track_meta, set_track_meta
from monai.transforms import ScaleIntensityRange, SpatialCrop, SpatialPad
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from torch.nn.functional import interpolate

from batchmri.preparation.brain_box import brain_box
from batchmri.records import CropBox

Spacing = tuple[float, float]
Image = npt.NDArray[Any]
Step = Callable[[Tensor], Any]

_PERCENTILE_STRIDE = 2  # percentiles of a quarter of the pixels are accurate enough


class PreparationSettings(BaseModel):
    """Preparation of slices; stored in the model card."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(160, ge=32, description="Side of the prepared square, pixels.")
    lower_percentile: float = Field(0.5, ge=0, le=100, description="Inside the box: black.")
    upper_percentile: float = Field(99.5, ge=0, le=100, description="Inside the box: white.")
    black: float = Field(-1.0, description="What the network is given for black.")
    white: float = Field(1.0, description="What the network is given for white.")

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

    pixels: Tensor
    boxes: list[CropBox]


def prepare(slices: Image, pixel_spacing: Spacing, settings: PreparationSettings) -> Prepared:
    """Crop slices (S, H, W) to the brain box, stretch their gray levels and make them square.

    `pixel_spacing` is (row, column) in mm; only the ratio matters.
    """
    boxes = [brain_box(image) for image in slices]
    pixels = torch.empty((len(boxes), 1, settings.size, settings.size))
    with _plain_tensors():
        for target, image, box in zip(pixels, slices, boxes, strict=True):
            target.copy_(_prepare_slice(image, box, pixel_spacing, settings))
    return Prepared(pixels, boxes)


def prepare_mask(mask: Image, box: CropBox, pixel_spacing: Spacing, size: int) -> Tensor:
    """Apply the geometry of `prepare` to a mask (H, W): shares (1, size, size) from 0 to 1."""
    with _plain_tensors():
        steps = [_crop(box), *_to_square(box, pixel_spacing, size, outside=0.0)]
        return _apply(steps, mask > 0).clamp(0, 1)


def _prepare_slice(
    image: Image, box: CropBox, spacing: Spacing, settings: PreparationSettings
) -> Tensor:
    black, white = settings.black, settings.white
    inside = image[box.y : box.y + box.height, box.x : box.x + box.width]
    sample = inside[::_PERCENTILE_STRIDE, ::_PERCENTILE_STRIDE]
    low, high = np.percentile(sample, (settings.lower_percentile, settings.upper_percentile))
    steps: list[Step] = [
        _crop(box),
        # MONAI's ScaleIntensityRangePercentiles sorts every pixel, which takes four times as long
        # as all of these steps together.
        ScaleIntensityRange(low, max(high, low + 1e-6), black, white, clip=True),
        *_to_square(box, spacing, settings.size, outside=black),
    ]
    return _apply(steps, image)


def _crop(box: CropBox) -> Step:
    corner = (box.y, box.x)
    step: Step = SpatialCrop(roi_start=corner, roi_end=(box.y + box.height, box.x + box.width))
    return step


def _to_square(box: CropBox, spacing: Spacing, size: int, outside: float) -> tuple[Step, Step]:
    height, width = box.height * spacing[0], box.width * spacing[1]
    scale = size / max(height, width)
    shape = (max(1, round(height * scale)), max(1, round(width * scale)))

    def resize(image: Tensor) -> Tensor:
        # MONAI's Resize applies a Gaussian filter first, at eight times the cost of interpolate.
        return interpolate(image[None], shape, mode="bilinear", antialias=True)[0]

    return resize, SpatialPad((size, size), value=outside)


def _apply(steps: Sequence[Step], image: Image) -> Tensor:
    prepared = torch.from_numpy(image.astype(np.float32))[None]
    for step in steps:
        prepared = step(prepared)
    return prepared


@contextmanager
def _plain_tensors() -> Iterator[None]:
    """Disable MONAI's metadata tracking, which costs more than the steps themselves."""
    before = get_track_meta()
    set_track_meta(False)
    try:
        yield
    finally:
        set_track_meta(before)
