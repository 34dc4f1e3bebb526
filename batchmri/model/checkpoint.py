"""Checkpoints: half-precision weights as safetensors, with the model card as JSON next to them.

Nothing is unpickled, so neither file can execute code.
"""

import hashlib
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from batchmri.errors import ModelError
from batchmri.model.card import Card
from batchmri.model.network import ClassMapNetwork
from batchmri.model.ood import DomainModel
from batchmri.model.weights import read_weights


def save_checkpoint(
    path: Path, network: ClassMapNetwork, card: Card, detector: DomainModel | None = None
) -> Card:
    """Write the weights to `path` (.safetensors) and the card with their digest next to it.

    Returns the card as written. Raises ModelError if a weight is not finite in half precision.
    """
    weights = {name: _to_half(name, tensor) for name, tensor in network.state_dict().items()}
    if detector is not None:
        weights |= {name: torch.from_numpy(array) for name, array in detector.tensors().items()}
    content = safetensors.torch.save(weights)
    card = card.model_copy(update={"weights_digest": hashlib.sha256(content).hexdigest()})
    _write_atomically(path, content)
    _write_atomically(path.with_suffix(".json"), card.model_dump_json(indent=2).encode() + b"\n")
    return card


def load_checkpoint(path: Path) -> tuple[ClassMapNetwork, Card, DomainModel | None]:
    """Load a network in single precision and evaluation mode, its card and its domain model.

    The domain model is None if the checkpoint contains none. Raises ModelError if a file is missing
    or damaged, or belongs to another architecture.
    """
    weights, card, detector = read_weights(path)
    return weights.network(), card, detector


def _to_half(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    half = tensor.detach().to("cpu", torch.float16).contiguous()
    if not torch.isfinite(half).all():
        raise ModelError(f"weight {name} is not finite in half precision")
    return half


def _write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
