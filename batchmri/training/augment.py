"""Changes that keep the label: how a head lies, and what scanners and archives do to it."""

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
    RandSimulateLowResolution,
)
from torch import Tensor


class Augmentation:
    """Random changes of a picture (size, size) in 0 to 1, its mask moved along."""

    def __init__(self) -> None:
        self.geometry = Compose(
            [
                RandAffine(
                    prob=1.0,
                    rotate_range=0.22,
                    shear_range=(0.06, 0.06),
                    translate_range=(8, 8),
                    scale_range=((-0.15, 0.15), (-0.15, 0.15)),
                    padding_mode="zeros",
                ),
                RandFlip(prob=0.5, spatial_axis=1),
            ]
        )
        self.grey_levels = Compose(
            [
                RandBiasField(prob=0.3, degree=2, coeff_range=(-0.25, 0.25)),
                RandAdjustContrast(prob=0.5, gamma=(0.65, 1.5)),
                RandSimulateLowResolution(
                    prob=0.3,
                    zoom_range=(0.4, 0.9),
                    downsample_mode="area",
                    upsample_mode="bilinear",
                ),
                RandGaussianSmooth(prob=0.2, sigma_x=(0.4, 1.3), sigma_y=(0.4, 1.3)),
                RandGaussianNoise(prob=0.3, std=0.04),
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
