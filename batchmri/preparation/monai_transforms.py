"""The preparation as MONAI transforms, for programs built on MONAI and as reference in a test.

`prepare` performs the same steps without torch.
"""

from monai.transforms import Compose, Lambda, ScaleIntensityRange, SpatialCrop, SpatialPad
from torch import Tensor
from torch.nn.functional import interpolate

from batchmri.preparation.transforms import (
    Image,
    PreparationSettings,
    Spacing,
    gray_range,
    resized_shape,
)
from batchmri.records import CropBox


def monai_transforms(
    image: Image, box: CropBox, pixel_spacing: Spacing, settings: PreparationSettings
) -> Compose:
    """Return the transforms that prepare a slice (1, H, W) with this brain box.

    MONAI's ScaleIntensityRangePercentiles is not used because it sorts every pixel, and its Resize
    because it first applies a Gaussian filter.
    """
    low, high = gray_range(image, box, settings)
    shape = resized_shape(box, pixel_spacing, settings.size)

    def resize(cropped: Tensor) -> Tensor:
        return interpolate(cropped[None], shape, mode="bilinear", antialias=True)[0]

    corner = (box.y, box.x)
    return Compose(
        [
            SpatialCrop(roi_start=corner, roi_end=(box.y + box.height, box.x + box.width)),
            ScaleIntensityRange(low, high, settings.black, settings.white, clip=True),
            Lambda(resize),
            SpatialPad((settings.size, settings.size), value=settings.black),
        ]
    )
