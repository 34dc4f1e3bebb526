import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from batchmri.model.backends.base import Backend
from batchmri.model.backends.registry import Runtime, load_backend
from batchmri.model.card import Card
from batchmri.model.checkpoint import save_checkpoint
from batchmri.model.network import ClassMapNetwork
from batchmri.settings import Settings


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network, for tests that do not depend on its predictions."""
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


@pytest.fixture(scope="session")
def settings(random_model: Path) -> Settings:
    """Settings for small batches on the CPU, with pictures of every series."""
    return Settings.model_validate(
        {
            "classifier": {"model": random_model, "batch_size": 8, "device": "cpu"},
            "pixels": {"workers": 1},
            "report": {"gradcam": "top:1", "gradcam_notumor": True},
        }
    )


@pytest.fixture
def archive(scanned: Path, tmp_path: Path) -> Path:
    """A copy of `scanned`/archive, where `scanned` is a fixture of the module."""
    return Path(shutil.copytree(scanned / "archive", tmp_path / "archive"))


@pytest.fixture
def out(scanned: Path, tmp_path: Path) -> Path:
    """A copy of `scanned`/out, the output of a scan of the archive."""
    return Path(shutil.copytree(scanned / "out", tmp_path / "out"))


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Compile each kind of network only once for all tests, since OpenVINO takes seconds."""
    kept: dict[tuple[str, Runtime], Backend] = {}

    def load(network: ClassMapNetwork, card: Card, chosen: Runtime) -> Backend:
        key = (card.weights_digest, chosen)
        if key not in kept:
            kept[key] = load_backend(network, card, chosen)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batchmri.pipeline.run.loaded_model.load_backend", load)
        yield
