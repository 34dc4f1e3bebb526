from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from batchmri.model.backends.network_cache import cache_folder, cached_network
from batchmri.model.backends.openvino import load_openvino, supported_precisions

PARTS = ("weights", "shape")
openvino = load_openvino()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "batchmri"


class Conversion:
    """Converts a network of known output, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        torch.manual_seed(3)
        return openvino.convert_model(torch.nn.Linear(4, 2), example_input=torch.zeros(1, 4))


def output(network: Any) -> np.ndarray:
    compiled = openvino.Core().compile_model(network, "CPU")
    return compiled(np.arange(4, dtype=np.float32)[None])[0]


def test_a_network_is_converted_once_and_gives_the_same_bits(folder: Path) -> None:
    convert = Conversion()
    first, second = (output(cached_network(openvino, PARTS, convert)) for _ in range(2))
    assert convert.calls == 1
    assert first.tobytes() == second.tobytes() == output(convert()).tobytes()
    assert not list(folder.glob("new-*"))


def test_other_weights_are_converted_again() -> None:
    convert = Conversion()
    cached_network(openvino, PARTS, convert)
    cached_network(openvino, ("other", "shape"), convert)
    assert convert.calls == 2


@pytest.mark.parametrize("name", ["network.xml", "network.bin", "sha256"])
@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_a_damaged_entry_is_replaced(folder: Path, name: str, content: bytes | None) -> None:
    convert = Conversion()
    cached_network(openvino, PARTS, convert)
    (entry,) = folder.glob("openvino-*")
    if content is None:
        (entry / name).unlink()
    else:
        (entry / name).write_bytes(content)
    expected = output(convert())
    assert output(cached_network(openvino, PARTS, convert)).tobytes() == expected.tobytes()
    calls = convert.calls
    cached_network(openvino, PARTS, convert)
    assert convert.calls == calls, "the entry was stored again"


def test_without_a_usable_cache_folder_the_network_is_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    convert = Conversion()
    assert output(cached_network(openvino, PARTS, convert)).shape == (1, 2)
    assert convert.calls == 1


def test_old_entries_are_removed(folder: Path) -> None:
    network = Conversion()()
    for number in range(11):
        cached_network(openvino, (str(number),), lambda: network)
    assert len(list(folder.glob("openvino-*"))) == 8


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", "/home/x")
    assert cache_folder() == Path("/home/x/.cache/batchmri")


def test_precisions_are_determined_once_per_processor_and_version(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def load() -> Any:
        calls.append(1)
        return openvino

    monkeypatch.setattr("batchmri.model.backends.openvino.load_openvino", load)
    first = supported_precisions()
    assert first and supported_precisions() == first
    assert len(calls) == 1
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    supported_precisions()
    assert len(calls) == 2
    monkeypatch.setattr("batchmri.model.backends.openvino.processor", lambda: "another one")
    supported_precisions()
    assert len(calls) == 3


@pytest.mark.parametrize("content", [b"", b"fp32 int1", b"\xff\xfe"])
def test_damaged_precisions_are_not_used(folder: Path, content: bytes) -> None:
    first = supported_precisions()
    for path in folder.glob("fact-*"):
        path.write_bytes(content)
    assert supported_precisions() == first


def test_without_a_home_precisions_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    first = supported_precisions()
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert supported_precisions() == first
