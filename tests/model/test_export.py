from pathlib import Path

import numpy as np
import pytest
import torch

from batchmri.errors import ExportError, ModelError
from batchmri.model import export
from batchmri.model.backends.openvino import load_openvino
from batchmri.model.card import Card, read_card
from batchmri.model.checkpoint import save_checkpoint
from batchmri.model.network import ClassMapNetwork

SIZE = 32


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "own.safetensors"
    card = Card(
        classes=("a", "b", "c"),
        no_tumor_class="a",
        last_stride=False,
        preparation={"size": SIZE},
    )
    save_checkpoint(path, ClassMapNetwork(3, last_stride=False), card)
    return path


@pytest.mark.slow
def test_openvino_export_matches_torch_and_contains_the_card(model: Path, tmp_path: Path) -> None:
    done = export.export_model(model, "openvino", tmp_path / "out")
    assert [file.name for file in done.files] == ["own.bin", "own.json", "own.xml"]
    assert sorted(done.files) == sorted((tmp_path / "out").iterdir())
    assert all(0 < difference < 1e-4 for difference in done.differences.values())
    assert Card.model_validate_json(done.files[1].read_bytes()) == read_card(model)
    compiled = load_openvino().Core().compile_model(done.files[2], "CPU")
    found = compiled(np.zeros((3, 1, SIZE, SIZE), np.float32))
    assert found["maps"].shape == (3, 3, 2, 2) and len(found["features"]) == 3


@pytest.mark.slow
def test_onnx_export_matches_torch_and_contains_no_local_paths(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="needs batchmri[export]")
    onnx = pytest.importorskip("onnx", reason="needs batchmri[export]")
    pytest.importorskip("onnxruntime", reason="needs batchmri[export]")
    done = export.export_model(model, "onnx", tmp_path / "out")
    assert [file.name for file in done.files] == ["own.json", "own.onnx"]
    assert all(0 < difference < 1e-4 for difference in done.differences.values())
    assert b".py" not in done.files[1].read_bytes()
    stored = {entry.key: entry.value for entry in onnx.load(done.files[1]).metadata_props}
    assert Card.model_validate_json(stored["card"]) == read_card(model)


@pytest.mark.parametrize(("output", "wrong"), [(0, 0.1), (0, np.nan), (1, np.nan)])
def test_exports_that_differ_are_removed(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: int, wrong: float
) -> None:
    def differs(network: ClassMapNetwork, card: Card, path: Path) -> object:
        path.with_suffix(".xml").touch()

        def run(slices: np.ndarray) -> tuple[np.ndarray, ...]:
            with torch.inference_mode():
                found = [given.numpy() for given in network(torch.from_numpy(slices))]
            if len(slices) == 8:
                found[output][7] += wrong
            return tuple(found)

        return run

    monkeypatch.setattr(export, "_write_openvino", differs)
    with pytest.raises(ExportError, match=f"{('maps', 'features')[output]} differ") as caught:
        export.export_model(model, "openvino", tmp_path / "out")
    assert caught.value.exit_code == 1
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("scale", "wrong"), [(1.0, 5e-4), (300.0, 0.1)])
def test_tolerance_is_relative_to_the_largest_output(scale: float, wrong: float) -> None:
    network = ClassMapNetwork(2)
    with torch.no_grad():
        network.linear.bias.fill_(scale)

    def run(slices: np.ndarray) -> tuple[np.ndarray, ...]:
        with torch.inference_mode():
            maps, features = (given.numpy() for given in network(torch.from_numpy(slices)))
        return maps + wrong, features

    differences = export._differences(network.eval(), run, 64)
    assert wrong / scale / 2 < differences["maps"] < export.TOLERANCE


@pytest.mark.slow
def test_tolerance_can_be_increased(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_differences", lambda *_: {"maps": 0.0015, "features": 0.0})
    with pytest.raises(ExportError, match="--tolerance"):
        export.export_model(model, "openvino", tmp_path / "out")
    done = export.export_model(model, "openvino", tmp_path / "out", tolerance=0.002)
    assert [file.suffix for file in done.files] == [".bin", ".json", ".xml"]


def test_card_without_size_raises_one_line_error(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    card = Card(classes=("a", "b"), no_tumor_class="a", preparation={})
    save_checkpoint(path, ClassMapNetwork(2), card)
    with pytest.raises(ModelError, match="preparation has no size"):
        export.export_model(path, "openvino", tmp_path / "out")
