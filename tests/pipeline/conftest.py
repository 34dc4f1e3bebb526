from pathlib import Path

import pytest
import torch

from batchmri.classifier import Card, ClassMapNetwork, save_checkpoint
from batchmri.settings import Settings


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that knows nothing: for tests of everything around it."""
    torch.manual_seed(7)
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    card = Card(
        classes=("glioma", "meningioma", "notumor", "pituitary"),
        no_tumor_class="notumor",
        last_stride=False,
        preparation={"size": 64},
    )
    save_checkpoint(path, ClassMapNetwork(4, last_stride=False), card)
    return path


@pytest.fixture
def settings(random_model: Path) -> Settings:
    """Small, on the CPU, with a picture for every series."""
    return Settings.model_validate(
        {
            "classifier": {"model": random_model, "batch_size": 8, "device": "cpu"},
            "pixels": {"workers": 1},
            "report": {"gradcam": "top:1", "gradcam_notumor": True},
        }
    )
