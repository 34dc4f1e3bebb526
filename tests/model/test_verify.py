import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from batchmri.model.card import SHIPPED, Card
from batchmri.model.checkpoint import save_checkpoint
from batchmri.model.network import ClassMapNetwork
from batchmri.model.verify import verify_model
from batchmri.preparation.transforms import PreparationSettings


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "own.safetensors"
    card = Card(
        classes=("a", "b"),
        no_tumor_class="a",
        preparation={"size": 64},
        metrics={"test": {"n": 3, "accuracy": 0.5, "volumes": "1 of 2", "none": None}},
    )
    save_checkpoint(path, ClassMapNetwork(2), card)
    return path


def change_card(**values: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        card_path = path.with_suffix(".json")
        card_path.write_text(json.dumps(json.loads(card_path.read_text()) | values))

    return change


def not_finite(path: Path) -> None:
    tensors = safetensors.torch.load_file(path)
    tensors["linear.bias"][0] = torch.inf
    content = safetensors.torch.save(tensors)
    path.write_bytes(content)
    change_card(weights_digest=hashlib.sha256(content).hexdigest())(path)


@pytest.mark.parametrize(
    ("damage", "wrong", "says"),
    [
        (lambda path: None, set(), ""),
        (lambda path: path.with_suffix(".json").unlink(), {"card"}, "cannot be read"),
        (change_card(classes=["a", "a"]), {"card"}, "same name"),
        (change_card(weights_digest="0" * 64), {"weights"}, "sha256"),
        (change_card(classes=["a", "b", "c"]), {"weights"}, "not weights of this network"),
        (change_card(preparation={"sice": 64}), {"preparation"}, "sice"),
        (change_card(metrics={"test": {"f1": float("nan")}}), {"metrics"}, "test.f1"),
        (not_finite, {"values"}, "linear.bias"),
    ],
)
def test_each_check_detects_its_problem(
    model: Path, damage: Callable[[Path], None], wrong: set[str], says: str
) -> None:
    damage(model)
    checks = verify_model(model, PreparationSettings.model_validate)
    assert {check.name for check in checks if not check.passed} == wrong
    assert says in " ".join(check.found for check in checks if not check.passed)
    assert all("\n" not in check.found for check in checks)


def test_shipped_model_passes_all_checks() -> None:
    checks = verify_model(SHIPPED, PreparationSettings.model_validate)
    assert len(checks) == 5 and all(check.passed for check in checks)
