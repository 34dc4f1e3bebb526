from pathlib import Path

import pytest
import torch

from batchmri.model.card import Card
from batchmri.model.checkpoint import save_checkpoint
from batchmri.model.network import ClassMapNetwork


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A randomly initialized network with two classes."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    card = Card(classes=("notumor", "spot"), no_tumor_class="notumor", preparation={"size": 64})
    save_checkpoint(path, ClassMapNetwork(2), card)
    return path
