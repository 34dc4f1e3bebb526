import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from batchmri.errors import ModelError
from batchmri.model.card import SHIPPED, Card
from batchmri.model.checkpoint import load_checkpoint, save_checkpoint
from batchmri.model.network import ClassMapNetwork

CARD = Card(
    classes=("glioma", "meningioma", "notumor", "pituitary"),
    no_tumor_class="notumor",
    last_stride=False,
    preparation={"size": 160},
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, ClassMapNetwork(4, last_stride=False), CARD)
    return path


@pytest.mark.slow
def test_weights_are_restored_in_half_precision(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    network = ClassMapNetwork(4, last_stride=False).eval()
    written = save_checkpoint(path, network, CARD)
    loaded, card, detector = load_checkpoint(path)
    assert card == written and detector is None
    assert card.no_tumor_index == 2
    assert path.stat().st_size < 16e6
    assert not loaded.training
    for name, tensor in network.state_dict().items():
        assert torch.allclose(loaded.state_dict()[name], tensor, atol=1e-3), name
    assert {file.name for file in tmp_path.iterdir()} == {"model.safetensors", "model.json"}


def test_same_network_same_bytes(tmp_path: Path) -> None:
    network = ClassMapNetwork(2)
    card = Card(classes=("a", "b"), no_tumor_class="a", preparation={})
    for name in ("one", "two"):
        save_checkpoint(tmp_path / f"{name}.safetensors", network, card)
    for ending in (".safetensors", ".json"):
        one, two = (tmp_path / f"{name}{ending}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def _flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def _change_card(**values: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        card_path = path.with_suffix(".json")
        card_path.write_text(json.dumps(json.loads(card_path.read_text()) | values))

    return change


def _no_json(path: Path) -> None:
    path.with_suffix(".json").write_text("{ not json")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_flip_a_byte, "sha256"),
        (_cut, "sha256"),
        (Path.unlink, "no such file"),
        (lambda path: path.with_suffix(".json").unlink(), "cannot be read"),
        (_no_json, "json"),
        (_change_card(classes=["a", "b"], no_tumor_class="a"), "not weights of this network"),
        (_change_card(no_tumor_class="healthy"), "not one of the classes"),
        (_change_card(classes=["indeterminate", "notumor"]), "verdicts have these names"),
        (
            _change_card(classes=["glioma", "tumor"], no_tumor_class="tumor"),
            "verdicts have these names",
        ),
        (_change_card(architecture="resnet50"), "resnet50"),
        (_change_card(surprise=1), "surprise"),
        (_change_card(temperature=0), "temperature"),
    ],
)
def test_invalid_checkpoints_raise_one_line_errors(
    saved: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(saved)
    with pytest.raises(ModelError, match=says) as caught:
        load_checkpoint(saved)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_pickle_is_never_opened(saved: Path) -> None:
    import hashlib

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("unpickled",))

    content = pickle.dumps(Trap())
    saved.write_bytes(content)
    _change_card(weights_digest=hashlib.sha256(content).hexdigest())(saved)
    with pytest.raises(ModelError, match="not weights"):
        load_checkpoint(saved)


def test_weights_beyond_half_precision_are_rejected(tmp_path: Path) -> None:
    network = ClassMapNetwork(2)
    with torch.no_grad():
        network.linear.bias[0] = 1e6
    card = Card(classes=("a", "b"), no_tumor_class="a", preparation={})
    with pytest.raises(ModelError, match=r"linear\.bias"):
        save_checkpoint(tmp_path / "model.safetensors", network, card)
    assert not list(tmp_path.iterdir())


def test_the_file_is_plain_safetensors(saved: Path) -> None:
    weights = safetensors.torch.load_file(saved)
    assert all(t.dtype == torch.float16 for t in weights.values() if t.is_floating_point())


def test_shipped_checkpoint_loads_with_its_card() -> None:
    network, card, _ = load_checkpoint(SHIPPED)
    assert SHIPPED.stat().st_size <= 16e6
    assert card.no_tumor_class == "notumor"
    assert network.linear.out_features == len(card.classes)
    assert card.metrics["test"]["n"] == 616
    assert card.sources and all(source.license for source in card.sources)
    assert card.license and card.domain and "not a medical device" in card.intended_use.lower()
