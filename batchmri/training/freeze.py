"""The first stages of a network held as they are, weights and batch statistics."""

from functools import partial

from torch import nn

from batchmri.model.network import ClassMapNetwork


def frozen_parts(network: ClassMapNetwork, stages: int) -> list[nn.Module]:
    """The stem and so many of the first stages; nothing of 0."""
    return [network.stem, *network.blocks[:stages]] if stages else []


def freeze(network: ClassMapNetwork, stages: int) -> None:
    """Let no training change these parts: a quarter less time for three of the seven stages."""
    for part in frozen_parts(network, stages):
        part.requires_grad_(False)
        part.eval()
        part.train = partial(_stay, part)  # type: ignore[method-assign]


def _stay(part: nn.Module, _mode: bool = True) -> nn.Module:
    return part
