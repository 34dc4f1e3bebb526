"""Weights of a checkpoint as NumPy arrays, read without importing torch."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from batchmri.errors import ModelError
from batchmri.model.card import Card, read_card
from batchmri.model.ood import PREFIX, DomainModel
from batchmri.records import FloatArray

if TYPE_CHECKING:
    from batchmri.model.network import ClassMapNetwork

BIAS = "linear.bias"


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of the network of a checkpoint, in half precision, by name."""

    path: Path
    card: Card
    tensors: Mapping[str, FloatArray]

    @property
    def bias(self) -> FloatArray:
        """The bias of the linear layer (classes,) in single precision."""
        return self.tensors[BIAS].astype(np.float32)

    def network(self) -> "ClassMapNetwork":
        """The network in single precision and evaluation mode; imports torch and MONAI.

        Raises ModelError if the weights belong to another architecture.
        """
        import torch

        from batchmri.model.network import ClassMapNetwork

        network = ClassMapNetwork(len(self.card.classes), self.card.last_stride)
        tensors = {name: torch.from_numpy(array.copy()) for name, array in self.tensors.items()}
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            raise _not_of_this_network(self.path, error) from None
        return network.eval()


def check_weights(path: Path, card: Card) -> None:
    """Raise ModelError if the weights cannot be read or are not those of the card."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None
    _check_digest(path, card, digest)


def read_weights(path: Path) -> tuple[Weights, Card, DomainModel | None]:
    """Read the weights of a checkpoint, its card, and its domain model (None if it has none).

    Raises ModelError if a file is missing or damaged.
    """
    card = read_card(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    _check_digest(path, card, hashlib.sha256(content).hexdigest())
    try:
        tensors = load(content)
        detector = DomainModel.from_tensors(tensors)
    except (SafetensorError, KeyError) as error:
        raise _not_of_this_network(path, error) from None
    own = {name: array for name, array in tensors.items() if not name.startswith(PREFIX)}
    return Weights(path, card, own), card, detector


def _check_digest(path: Path, card: Card, digest: str) -> None:
    if digest != card.weights_digest:
        raise ModelError(
            f"model {path}: its sha256 differs from the one in its card; the file is damaged, or "
            "belongs to another card"
        )


def _unreadable(path: Path, error: OSError) -> ModelError:
    return ModelError(f"model {path}: cannot be read ({error.strerror})")


def _not_of_this_network(path: Path, error: Exception) -> ModelError:
    line = str(error).splitlines()[0]
    return ModelError(f"model {path}: these are not weights of this network ({line})")
