"""Changes that keep the label: how a head lies, and what scanners and archives do to it."""

from typing import Any

import cv2
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
    """What storing a picture (1, rows, columns) in 0 to 1 as a JPEG leaves of it."""

    def __call__(self, picture: Tensor) -> Tensor:
        """The picture, at random through a JPEG of random quality."""
        self.randomize(None)
        if not self._do_transform:
            return picture
        quality = self.R.randint(_WORST_JPEG, _BEST_JPEG)
        grey = (picture[0].clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        _, stored = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
        read: Any = cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE)
        return torch.from_numpy(read)[None] / 255


class Augmentation:
    """Random changes of a picture (size, size) in 0 to 1, its mask moved along.

    `width` 1 changes it lightly; more of it farther, and more often by what archives do to grey
    levels.
    """

    def __init__(self, width: float = 1.0) -> None:
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
        self.grey_levels = Compose(
            [
                RandBiasField(prob=0.3, degree=2, coeff_range=(-0.25 * width, 0.25 * width)),
                RandAdjustContrast(prob=0.5, gamma=(0.65**width, 1.5**width)),
                RandHistogramShift(prob=0.2 * width, num_control_points=(5, 10)),
                RandSimulateLowResolution(
                    prob=0.3,
                    zoom_range=(0.4, 0.9),
                    downsample_mode="area",
                    upsample_mode="bilinear",
                ),
                RandGaussianSmooth(prob=0.2, sigma_x=(0.4, 1.3), sigma_y=(0.4, 1.3)),
                RandGaussianNoise(prob=0.3, std=0.04 * width),
                RandJpeg(prob=0.2 * width),
            ]
        )

    def __call__(self, picture: Tensor, mask: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """The changed picture and mask; the same seed changes them the same way."""
        set_track_meta(False)  # also in the processes that load
        self.geometry.set_random_state(seed)
        self.grey_levels.set_random_state(seed)
        moved = self.geometry(torch.stack([picture, mask]))
        changed = self.grey_levels(moved[:1])
        return changed[0].clamp(0, 1), moved[1].clamp(0, 1)
