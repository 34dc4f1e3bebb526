"""MONAI's EfficientNetB1, cut so that one forward pass gives class maps and features.

Behind the last activation A (N, K, h, w) stand only average pooling and one linear layer (w, b).
Their order is changed, since both are linear: class maps M[c] = Σ_k w[c, k]·A[k] + b[c], whose
mean over (h, w) is the logit of class c, and ReLU(M[c] − b[c]) is Grad-CAM (Selvaraju et al., 2017)
of class c at A, up to a positive factor.

The class-free look of a slice is told better further down, where nothing has been given up yet that
the classes do not need: behind the pooled A, the features hold mean and standard deviation of every
channel after the fifth of the seven stages (model/ood.py: POOLED tells them apart).
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
    """EfficientNetB1 for grey slices: forward takes (N, 1, H, W), gives maps and features.

    Maps (N, classes, h, w), features (N, 1280 + 224). `last_stride` False removes the last of the
    five strides, so that h, w are H/16, W/16 instead of H/32, W/32. `pretrained` downloads MONAI's
    ImageNet weights.
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
                # MONAI's own keeps memory by a custom backward that no exporter can trace.
                module._swish = nn.SiLU()
        self.stem = nn.Sequential(body._conv_stem_padding, body._conv_stem, body._bn0, nn.SiLU())
        self.blocks = body._blocks
        self.head = nn.Sequential(body._conv_head_padding, body._conv_head, body._bn1)
        self.last_activation = nn.SiLU()
        self.dropout = nn.Dropout2d(body._dropout.p)
        self.linear = body._fc

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Class maps and features of prepared slices."""
        midway = self.blocks[: _TEXTURE_STAGE + 1](self.stem(pictures))
        late = self.blocks[_TEXTURE_STAGE + 1 :](midway)
        activation = self.last_activation(self.head(late))
        weight = self.linear.weight[:, :, None, None]
        maps = functional.conv2d(self.dropout(activation), weight, self.linear.bias)
        return maps, torch.cat([activation.mean((2, 3)), *_texture(midway)], 1)


def _texture(activation: Tensor) -> tuple[Tensor, Tensor]:
    mean = activation.mean((2, 3), keepdim=True)
    return mean.flatten(1), (activation - mean).square().mean((2, 3)).sqrt()


def logits(maps: Tensor) -> Tensor:
    """The logits (N, classes) behind class maps (N, classes, h, w)."""
    return maps.float().mean((2, 3))
