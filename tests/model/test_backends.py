"""Both backends reproduce the network's outputs, bit-identically for all batch sizes."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch._dynamo
from torch import nn

from batchmri.errors import SettingsError
from batchmri.model.backends import torch as torch_backend
from batchmri.model.backends.openvino import OpenVINOBackend, supported_precisions
from batchmri.model.backends.registry import Runtime, choose, load_backend
from batchmri.model.backends.torch import TorchBackend
from batchmri.model.card import Card
from batchmri.model.checkpoint import load_checkpoint, save_checkpoint
from batchmri.model.network import ClassMapNetwork
from batchmri.model.weights import read_weights
from batchmri.settings.classifier import ClassifierSettings

SIZE = 64
CARD = Card(
    classes=("a", "b", "none"),
    no_tumor_class="none",
    last_stride=False,
    preparation={"size": SIZE},
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


@pytest.fixture(scope="module")
def network() -> ClassMapNetwork:
    """Random weights whose maps differ between images like those of a trained network."""
    torch.manual_seed(0)
    network = ClassMapNetwork(3, last_stride=False).train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(8, 1, SIZE, SIZE))
        nn.init.normal_(network.linear.weight, std=0.1)
        nn.init.normal_(network.linear.bias)
    return network.eval()


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(66, 1, SIZE, SIZE)).astype(np.float32)


@pytest.fixture(scope="module")
def expected(network: ClassMapNetwork, batch: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        return [out.numpy() for out in network(torch.from_numpy(batch[:10]))]


@pytest.fixture(scope="module")
def compiled(network: ClassMapNetwork) -> Callable[[str, int], OpenVINOBackend]:
    """Cached backends, since compiling takes seconds."""
    return cache(
        lambda precision, threads: OpenVINOBackend(network, SIZE, precision, None, threads)
    )


def test_openvino_fp32_matches_the_network(compiled, batch, expected) -> None:
    for got, wanted in zip(compiled("fp32", 0).run(batch[:10]), expected, strict=True):
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, atol=2e-4)


@pytest.mark.slow
@pytest.mark.skipif("bf16" not in supported_precisions(), reason="needs a processor with bf16")
def test_openvino_bf16_is_close_to_the_network(compiled, batch, expected) -> None:
    maps = compiled("bf16", 0).run(batch[:10])[0]
    error = np.abs(maps.mean((2, 3)) - expected[0].mean((2, 3))).max()
    assert 0 < error < 0.1 * np.ptp(expected[0].mean((2, 3)))


@pytest.mark.slow
def test_openvino_results_are_bit_identical(compiled, batch) -> None:
    """Results do not depend on batch size and threads; 66 slices leave a request half full."""
    fastest = supported_precisions()[0]
    whole = compiled(fastest, 0).run(batch)
    for backend in (compiled(fastest, 0), compiled(fastest, 1)):
        for size in (1, 8, 64):
            parts = [backend.run(batch[i : i + size]) for i in range(0, len(batch), size)]
            for got, wanted in zip(zip(*parts, strict=True), whole, strict=True):
                assert np.concatenate(got).tobytes() == wanted.tobytes()


def test_openvino_sends_no_telemetry(tmp_path: Path) -> None:
    """No connection, no child process (telemetry forks to send), no file in a new home folder."""
    code = """
import sys
opened = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "os.fork"):
        opened.append((event, arguments))
sys.addaudithook(watch)
import time, torch
from batchmri.model.backends.openvino import load_openvino
openvino = load_openvino()
model = openvino.convert_model(torch.nn.Linear(4, 2), example_input=torch.zeros(1, 4))
openvino.Core().compile_model(model, "CPU")(torch.zeros(1, 4).numpy())
time.sleep(1)
assert sys.modules["openvino_telemetry"] is None
sys.exit(str(opened) if opened else 0)
"""
    home, plots = tmp_path / "home", tmp_path / "plots"  # matplotlib, if it is there, keeps a cache
    home.mkdir()
    environment = {"HOME": str(home), "MPLCONFIGDIR": str(plots), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert not list(home.iterdir())


@pytest.mark.slow
def test_weights_read_without_torch_give_the_same_bits(network, batch, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, network, CARD)
    loaded, _, _ = load_checkpoint(path)
    weights, card, detector = read_weights(path)
    assert detector is None and card.classes == CARD.classes
    expected = OpenVINOBackend(loaded, SIZE, "fp32").run(batch[:6])
    for _ in range(2):  # first converted, then from the cache
        backend = OpenVINOBackend(weights, SIZE, "fp32")
        for got, wanted in zip(backend.run(batch[:6]), expected, strict=True):
            assert got.tobytes() == wanted.tobytes()
        np.testing.assert_array_equal(backend.bias, loaded.linear.bias.detach().numpy())


@pytest.mark.parametrize("gpu", [True, False])
def test_torch_is_asked_for_gpus_only_if_there_is_a_driver(gpu, tmp_path, monkeypatch) -> None:
    found = str(tmp_path if gpu else tmp_path / "none")
    monkeypatch.setattr("batchmri.model.backends.torch._GPU_FILES", (found,))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert TorchBackend.devices() == (("cuda:0", "cuda:1", "cpu") if gpu else ("cpu",))


def test_torch_on_cpu(network, batch, expected) -> None:
    backend = TorchBackend(network, "cpu", "fp32", 8)
    for got, wanted in zip(backend.run(batch[:10]), expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=2e-4)
    np.testing.assert_array_equal(backend.bias, network.linear.bias.detach().numpy())


def test_torch_halves_batches_that_do_not_fit(network, batch, expected, monkeypatch) -> None:
    backend = TorchBackend(network, "cpu", "fp32", 10)
    whole, sizes = backend._network, []

    def small(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        sizes.append(len(images))
        if len(images) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(images)

    monkeypatch.setattr(backend, "_network", small)
    for got, wanted in zip(backend.run(batch[:10]), expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=2e-4)
    assert sizes == [10, 5, 3, 3, 3, 3], "parts have one shape; the last one is padded"
    assert backend.batch_size == 10


def test_torch_runs_a_batch_in_parts_of_one_shape(network, batch, expected, monkeypatch) -> None:
    backend, shapes = TorchBackend(network, "cpu", "fp32", 10), []
    whole, backend._part = backend._network, 4

    def recording(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shapes.append(tuple(images.shape))
        return whole(images)

    monkeypatch.setattr(backend, "_network", recording)
    for got, wanted in zip(backend.run(batch[:10]), expected, strict=True):
        assert len(got) == 10
        np.testing.assert_allclose(got, wanted, atol=2e-4)
    assert shapes == [(4, 1, SIZE, SIZE)] * 3


class Streams:
    """Stands in for the streams of CUDA and records what is queued."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def synchronize(self) -> None:
        self.log.append("wait for all parts")

    def wait_stream(self, other: object) -> None:
        self.log.append("wait for the copy")


def test_torch_queues_all_parts_before_it_waits(network, batch, expected, monkeypatch) -> None:
    """The order of copies, network and waiting, with the copies replaced."""
    streams = Streams()
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: streams)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda images: images)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda images, stream: None)
    backend = TorchBackend(network, "cpu", "fp32", 8)
    whole, backend._part, backend._copies = backend._network, 4, streams

    def recording(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        streams.log.append("network")
        return whole(images)

    monkeypatch.setattr(backend, "_network", recording)
    maps, _ = backend.run(batch[:8])
    np.testing.assert_allclose(maps, expected[0][:8], atol=2e-4)
    assert streams.log == [*["wait for the copy", "network"] * 2, "wait for all parts"]


@pytest.mark.parametrize("mine", ["", "/my/folder"])
def test_torch_keeps_compiled_code_in_the_cache(mine, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(torch, "compile", lambda network, dynamic: (network, dynamic))
    # Set first, so that monkeypatch restores what `compiled` sets.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", mine)
    if not mine:
        monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    with torch._dynamo.config.patch(suppress_errors=False):
        assert torch_backend.compiled("network") == ("network", False)
        assert torch._dynamo.config.suppress_errors
    folder = tmp_path / "batchmri" / "inductor"
    assert folder.is_dir() and os.environ["TORCHINDUCTOR_CACHE_DIR"] == (mine or str(folder))


def test_torch_raises_if_one_slice_does_not_fit(network, batch, monkeypatch) -> None:
    backend = TorchBackend(network, "cpu", "fp32", 4)

    def never(images: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(backend, "_network", never)
    with pytest.raises(torch.OutOfMemoryError):
        backend.run(batch[:4])


@needs_cuda
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("fp16", 0.05)])
def test_torch_on_cuda(precision: str, tolerance: float, network, batch, expected) -> None:
    backend = load_backend(network, CARD, Runtime("torch", "cuda:0", precision, 8))
    first, again = (backend.run(batch[:8]) for _ in range(2))
    for got, same, wanted in zip(first, again, expected, strict=True):
        assert got.tobytes() == same.tobytes()
        assert np.abs(got - wanted[:8]).max() < tolerance * np.ptp(wanted)
    network.cpu()


@needs_cuda
def test_torch_on_cuda_gives_the_same_bits_in_any_part_of_a_batch(network, batch) -> None:
    backend = load_backend(network, CARD, Runtime("torch", "cuda:0", "bf16", 16))
    backend._part = 8
    for first, again in zip(*(backend.run(batch[at : at + 16]) for at in (0, 8)), strict=True):
        assert first[8:].tobytes() == again[:8].tobytes()
    network.cpu()


@needs_cuda
def test_cuda_is_chosen() -> None:
    chosen = choose(ClassifierSettings())
    assert (chosen.engine, chosen.precision) == ("torch cuda", "fp16")


def test_choice_on_cpu(monkeypatch) -> None:
    chosen = choose(ClassifierSettings(device="cpu"))
    fastest = "bf16" if "bf16" in supported_precisions() else "fp32"
    assert chosen == Runtime("openvino", "cpu", fastest, None)
    assert chosen.engine == "openvino cpu"
    fixed = ClassifierSettings(device="cpu", precision="fp32", batch_size=5)
    assert choose(fixed) == Runtime("openvino", "cpu", "fp32", 5)
    monkeypatch.setattr(OpenVINOBackend, "available", lambda: False)
    assert choose(fixed) == Runtime("torch", "cpu", "fp32", 5)


@pytest.mark.skipif("fp16" in supported_precisions(), reason="needs a processor without fp16")
def test_unsupported_precision() -> None:
    with pytest.raises(SettingsError, match=r"precision fp16: cpu has .*fp32"):
        choose(ClassifierSettings(device="cpu", precision="fp16"))


def test_missing_device() -> None:
    with pytest.raises(SettingsError, match="cuda:99"):
        choose(ClassifierSettings(device="cuda:99"))


def test_batch_size(network, compiled) -> None:
    assert compiled("fp32", 0).batch_size >= 8
    assert load_backend(network, CARD, Runtime("torch", "cpu", "fp32", None)).batch_size > 1
    fixed = load_backend(network, CARD, Runtime("torch", "cpu", "fp32", 7))
    assert (fixed.batch_size, fixed.device, fixed.precision) == (7, "cpu", "fp32")


@pytest.mark.slow
def test_openvino_input_size_is_that_of_the_card(network) -> None:
    backend = load_backend(network, CARD, Runtime("openvino", "cpu", "fp32", 5))
    maps, features = backend.run(np.zeros((5, 1, SIZE, SIZE), np.float32))
    assert (backend.batch_size, backend.precision, backend.device) == (5, "fp32", "cpu")
    assert maps.shape == (5, 3, SIZE // 16, SIZE // 16) and features.shape == (5, 1504)
