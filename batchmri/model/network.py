"""MONAI's EfficientNetB1, modified to return class maps and features in one forward pass.

After the last activation A (N, K, h, w), the original network consists of average pooling and one
linear layer (w, b). Both are linear, so their order can be swapped: the class maps are
M[c] = Σ_k w[c, k]·A[k] + b[c]. The mean of M[c] over (h, w) is the logit of class c, and
ReLU(M[c] − b[c]) is Grad-CAM (Selvaraju et al., 2017) of class c at A, up to a positive factor.

The features are the pooled A, followed by the mean and standard deviation of every channel after
the fifth of the seven stages (model/ood.py: POOLED is the length of the first part). The earlier
stage describes the appearance of a slice better, since the last activation lacks whatever the
classification does not need.
"""

from typing import Any

import torch
from monai.networks.nets import EfficientNetBN
from torch import Tensor, nn
from torch.nn import functional

from batchmri.model.card import ARCHITECTURE

_LAST_STRIDED_STAGE = 5
_TEXTURE_STAGE = 4


class ClassMapNetwork(nn.Module):
    """EfficientNetB1 for grayscale slices.

    `forward` takes slices (N, 1, H, W) and returns class maps (N, classes, h, w) and features
    (N, 1280 + 224). If `last_stride` is False, the last of the five strides is removed, so that
    h, w are H/16, W/16 instead of H/32, W/32. `pretrained` downloads MONAI's ImageNet weights.
    """

    def __init__(self, n_classes: int, last_stride: bool = True, pretrained: bool = False) -> None:
        super().__init__()
        body: Any = EfficientNetBN(
            ARCHITECTURE,
            pretrained=pretrained,
            progress=False,
            spatial_dims=2,
            in_channels=1,
            num_classes=n_classes,
        )
        if not last_stride:
            first_block = body._blocks[_LAST_STRIDED_STAGE][0]
            first_block.stride = 1
            first_block._depthwise_conv.stride = (1, 1)
        for module in body._blocks.modules():
            if hasattr(module, "_swish"):
                # MONAI's module saves memory with a custom backward that exporters cannot trace.
                module._swish = nn.SiLU()
        self.stem = nn.Sequential(body._conv_stem_padding, body._conv_stem, body._bn0, nn.SiLU())
        self.blocks = body._blocks
        self.head = nn.Sequential(body._conv_head_padding, body._conv_head, body._bn1)
        self.last_activation = nn.SiLU()
        self.dropout = nn.Dropout2d(body._dropout.p)
        self.linear = body._fc

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return class maps and features of prepared slices."""
        midway = self.blocks[: _TEXTURE_STAGE + 1](self.stem(images))
        late = self.blocks[_TEXTURE_STAGE + 1 :](midway)
        activation = self.last_activation(self.head(late))
        weight = self.linear.weight[:, :, None, None]
        maps = functional.conv2d(self.dropout(activation), weight, self.linear.bias)
        return maps, torch.cat([activation.mean((2, 3)), *_mean_and_std(midway)], 1)


def _mean_and_std(activation: Tensor) -> tuple[Tensor, Tensor]:
    mean = activation.mean((2, 3), keepdim=True)
    return mean.flatten(1), (activation - mean).square().mean((2, 3)).sqrt()


def logits(maps: Tensor) -> Tensor:
    """Return the logits (N, classes) of class maps (N, classes, h, w)."""
    return maps.float().mean((2, 3))
