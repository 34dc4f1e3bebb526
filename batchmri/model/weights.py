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
        """Load the network, which imports torch and MONAI. Raises ModelError."""
        from batchmri.model.checkpoint import load_checkpoint

        return load_checkpoint(self.path)[0]


def read_weights(path: Path) -> tuple[Weights, Card, DomainModel | None]:
    """Read the weights of a checkpoint, its card, and its domain model (None if it has none).

    Raises ModelError if a file is missing or damaged.
    """
    card = read_card(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"model {path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != card.weights_digest:
        raise ModelError(
            f"model {path}: its sha256 differs from the one in its card; the file is damaged, or "
            "belongs to another card"
        )
    try:
        tensors = load(content)
        detector = DomainModel.from_tensors(tensors)
    except (SafetensorError, KeyError) as error:
        line = str(error).splitlines()[0]
        raise ModelError(f"model {path}: these are not weights of this network ({line})") from None
    own = {name: array for name, array in tensors.items() if not name.startswith(PREFIX)}
    return Weights(path, card, own), card, detector
