"""Faster backward pass of depthwise convolutions in bfloat16 on CPUs.

In bfloat16, oneDNN takes three to five times as long for this backward pass as in fp32
(benchmarks/depthwise.py), which is half the time of a training step of EfficientNetB1. The forward
pass is unchanged.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.stride = stride
        return conv2d(images, weight, stride=stride, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        images, weight = ctx.saved_tensors
        of_weight = _backward(gradients[0], images, weight, ctx.stride, torch.float32, 1)
        # At stride 1, it is equivalent to a forward pass, which is fast in bfloat16.
        kept = images.dtype if ctx.stride == (1, 1) else torch.float32
        of_images = _backward(gradients[0], images, weight, ctx.stride, kept, 0)
        return of_images.to(images.dtype), of_weight.to(weight.dtype), None


def _backward(
    gradient: Tensor,
    images: Tensor,
    weight: Tensor,
    stride: tuple[int, int],
    dtype: torch.dtype,
    wanted: int,
) -> Tensor:
    found: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
        gradient.to(dtype),
        images.to(dtype),
        weight.to(dtype),
        None,
        stride,
        (0, 0),
        (1, 1),
        False,
        (0, 0),
        len(weight),
        (wanted == 0, wanted == 1, False),
    )
    return found[wanted]


def _forward(module: nn.Conv2d, images: Tensor) -> Tensor:
    weight = module.weight.to(images.dtype)
    result: Tensor = _Depthwise.apply(  # type: ignore[no-untyped-call]
        images, weight, module.stride
    )
    return result


def train_depthwise_fast(network: nn.Module) -> None:
    """Use the faster backward pass in the unpadded depthwise convolutions of a network."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = partial(_forward, module)  # type: ignore[method-assign]
