"""OpenVINO backend for CPUs, which splits batches into parallel requests of a small fixed shape.

Because every request has the same shape, results are bit-identical for all batch sizes and numbers
of threads.
"""

import hashlib
import os
import sys
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from batchmri.model.backends.network_cache import cached_network, cached_text, processor
from batchmri.model.weights import Weights
from batchmri.records import FloatArray

if TYPE_CHECKING:  # imports torch, which is needed only to convert a network
    from batchmri.model.network import ClassMapNetwork

# Throughput on two cores at 160 px in bf16: 196 images/s with 1, 218 with 4, 177 with 32.
_SLICES_PER_REQUEST = 4
_ROUNDS_PER_BATCH = 8  # at the end of a batch, requests wait for the slowest
_LIMIT = "ONEDNN_MAX_CPU_ISA"  # limits the instructions that OpenVINO uses
_PRECISIONS = {"bf16": "BF16", "fp32": "FP32", "fp16": "FP16"}


def load_openvino() -> Any:
    """Import and return openvino with its telemetry disabled.

    By default, importing openvino sends a usage report through openvino_telemetry, unless a file in
    the home directory opts out. If that package cannot be imported, openvino falls back to a stub
    that does nothing.
    """
    modules: dict[str, Any] = sys.modules
    modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino


def supported_precisions() -> tuple[str, ...]:
    """Return the precisions that OpenVINO reports for this CPU, fastest first.

    The answer is cached, so that a run with nothing new does not import OpenVINO.
    """
    parts = ("precisions", version("openvino"), processor(), os.environ.get(_LIMIT, ""))
    known = cached_text(parts, lambda: " ".join(_supported_precisions())).split()
    is_valid = bool(known) and set(known) <= _PRECISIONS.keys()
    return tuple(known) if is_valid else _supported_precisions()


def _supported_precisions() -> tuple[str, ...]:
    capabilities = load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return tuple(name for name, code in _PRECISIONS.items() if code in capabilities)


class OpenVINOBackend:
    """Network compiled for prepared slices of `size` × `size` pixels.

    If `batch_size` is None, a batch is large enough to keep every core busy. 0 `threads` means all
    cores.
    """

    uses_weights = True

    @classmethod
    def available(cls) -> bool:
        """Return whether OpenVINO is installed."""
        return find_spec("openvino") is not None

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return the device that this backend uses."""
        return ("cpu",)

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        """Return the precisions of this CPU, fastest first."""
        return supported_precisions()

    @classmethod
    def create(
        cls,
        network: "ClassMapNetwork | Weights",
        size: int,
        device: str,
        precision: str,
        batch_size: int | None,
    ) -> Self:
        """Compile a network for slices of `size` × `size` pixels."""
        return cls(network, size, precision, batch_size)

    def __init__(
        self,
        network: "ClassMapNetwork | Weights",
        size: int,
        precision: str,
        batch_size: int | None = None,
        threads: int = 0,
    ) -> None:
        openvino = load_openvino()
        hint = openvino.properties.hint
        types = {"fp32": openvino.Type.f32, "bf16": openvino.Type.bf16, "fp16": openvino.Type.f16}
        options: dict[Any, Any] = {
            hint.performance_mode: hint.PerformanceMode.THROUGHPUT,
            hint.inference_precision: types[precision],
        }
        if threads:
            options[openvino.properties.inference_num_threads] = threads
        shape = (_SLICES_PER_REQUEST, 1, size, size)
        if isinstance(network, Weights):
            model = cached_network(
                openvino,
                _conversion(network, shape),
                lambda: _converted(openvino, network.network(), shape),
            )
            bias = network.bias
        else:
            model = _converted(openvino, network, shape)
            bias = network.linear.bias.detach().float().numpy().copy()
        compiled = openvino.Core().compile_model(model, "CPU", options)
        self._requests = openvino.AsyncInferQueue(compiled)
        self._shapes = [tuple(output.shape)[1:] for output in compiled.outputs]
        parallel_slices = _SLICES_PER_REQUEST * len(self._requests)
        self.batch_size = batch_size or _ROUNDS_PER_BATCH * parallel_slices
        self.device = "cpu"
        self.precision = precision
        self.bias: FloatArray = bias

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return class maps (B, classes, h, w) and features (B, k) of slices (B, 1, S, S)."""
        step = _SLICES_PER_REQUEST
        missing = -len(batch) % step
        padded = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else batch
        maps, features = (np.empty((len(padded), *shape), np.float32) for shape in self._shapes)

        def store(request: Any, start: int) -> None:
            maps[start : start + step] = request.get_output_tensor(0).data
            features[start : start + step] = request.get_output_tensor(1).data

        self._requests.set_callback(store)
        for start in range(0, len(padded), step):
            self._requests.start_async({0: padded[start : start + step]}, start)
        self._requests.wait_all()
        return maps[: len(batch)], features[: len(batch)]


def _converted(openvino: Any, network: "ClassMapNetwork", shape: tuple[int, ...]) -> Any:
    import torch

    with warnings.catch_warnings():
        # The tracer warns about shapes that become constants, which is intended here.
        warnings.simplefilter("ignore")
        return openvino.convert_model(
            network.eval(), example_input=torch.zeros(shape), input=[shape]
        )


def _conversion(weights: Weights, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Everything that a converted network depends on."""
    code = (Path(__file__).parents[1] / "network.py").read_bytes()
    return (
        weights.card.weights_digest,
        str(weights.card.last_stride),
        str(shape),
        hashlib.sha256(code).hexdigest(),
        *(f"{name} {version(name)}" for name in ("openvino", "torch", "monai")),
    )
