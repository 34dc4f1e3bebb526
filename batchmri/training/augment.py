"""Augmentation: random changes of geometry, gray levels, resolution and compression."""

from typing import Any

import cv2
import numpy as np
import torch
from monai.data import set_track_meta
from monai.transforms import (
    Compose,
    RandAdjustContrast,
    RandAffine,
    RandBiasField,
    RandFlip,
    RandGaussianNoise,
    RandGaussianSmooth,
    RandHistogramShift,
    RandomizableTransform,
    RandSimulateLowResolution,
)
from torch import Tensor

_WORST_JPEG, _BEST_JPEG = 30, 95


class RandJpeg(RandomizableTransform):
    """Random JPEG compression of an image (1, rows, columns) with values from 0 to 1."""

    def __call__(self, image: Tensor) -> Tensor:
        """Compress the image with random quality, in a fraction `prob` of the calls."""
        self.randomize(None)
        if not self._do_transform:
            return image
        quality = self.R.randint(_WORST_JPEG, _BEST_JPEG)
        gray = (image[0].clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        _, stored = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])
        read: Any = cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE)
        return torch.from_numpy(read)[None] / 255


class RandResample(RandomizableTransform):
    """Random resampling of an image (1, rows, columns), as if scanned with larger pixels.

    The zoom is log-uniform in `zoom_range`; a zoom of 1 or more leaves the image unchanged.
    """

    def __init__(self, prob: float, zoom_range: tuple[float, float]) -> None:
        super().__init__(prob)
        self.zoom_range = zoom_range

    def __call__(self, image: Tensor) -> Tensor:
        """Reduce and enlarge the image (linear or cubic), in a fraction `prob` of the calls."""
        self.randomize(None)
        if not self._do_transform:
            return image
        zoom = float(np.exp(self.R.uniform(*np.log(self.zoom_range))))
        method = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[self.R.randint(2)]
        if zoom >= 1:
            return image
        rows, columns = image.shape[1:]
        size = (max(1, round(columns * zoom)), max(1, round(rows * zoom)))
        small = cv2.resize(image[0].numpy(), size, interpolation=cv2.INTER_AREA)
        return torch.from_numpy(cv2.resize(small, (columns, rows), interpolation=method))[None]


class Augmentation:
    """Random augmentation of an image (size, size) with values from 0 to 1, and of its mask.

    `width` scales the strength: 1 is light; larger values increase the range of all changes and
    the frequency of JPEG compression and histogram shifts. With `zoom_range`, half of the images
    are resampled by a zoom from that range.
    """

    def __init__(self, width: float = 1.0, zoom_range: tuple[float, float] | None = None) -> None:
        self.geometry = Compose(
            [
                RandAffine(
                    prob=1.0,
                    rotate_range=0.22 * width,
                    shear_range=(0.06 * width, 0.06 * width),
                    translate_range=(8 * width, 8 * width),
                    scale_range=((-0.15 * width, 0.15 * width),) * 2,
                    padding_mode="zeros",
                ),
                RandFlip(prob=0.5, spatial_axis=1),
            ]
        )
        self.gray_levels = Compose(
            [
                RandBiasField(prob=0.3, degree=2, coeff_range=(-0.25 * width, 0.25 * width)),
                RandAdjustContrast(prob=0.5, gamma=(0.65**width, 1.5**width)),
                RandHistogramShift(prob=0.2 * width, num_control_points=(5, 10)),
                _lower_resolution(zoom_range),
                RandGaussianSmooth(prob=0.2, sigma_x=(0.4, 1.3), sigma_y=(0.4, 1.3)),
                RandGaussianNoise(prob=0.3, std=0.04 * width),
                RandJpeg(prob=0.2 * width),
            ]
        )

    def __call__(self, image: Tensor, mask: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Return the changed image and mask; equal seeds produce equal changes."""
        set_track_meta(False)  # here, because it must also apply in data loader processes
        self.geometry.set_random_state(seed)
        self.gray_levels.set_random_state(seed)
        moved = self.geometry(torch.stack([image, mask]))
        changed = self.gray_levels(moved[:1])
        return changed[0].clamp(0, 1), moved[1].clamp(0, 1)


def _lower_resolution(zoom_range: tuple[float, float] | None) -> RandomizableTransform:
    if zoom_range:
        return RandResample(0.5, zoom_range)
    return RandSimulateLowResolution(
        prob=0.3, zoom_range=(0.4, 0.9), downsample_mode="area", upsample_mode="bilinear"
    )
