"""Choice of backend, device, precision and batch size."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch

from batchmri.errors import SettingsError
from batchmri.model.backends.base import Backend
from batchmri.model.card import Card
from batchmri.model.network import ClassMapNetwork
from batchmri.settings.sections import ClassifierSettings

_CUDA_BATCH = 256
_CPU_BATCH = 32


@dataclass(frozen=True, slots=True)
class Runtime:
    """Classifier settings with every `auto` resolved.

    If `batch_size` is None, the backend chooses it.
    """

    backend: Literal["openvino", "torch"]
    device: str
    precision: str
    batch_size: int | None

    @property
    def engine(self) -> str:
        """Backend and device type, on which the exact bits of a result depend."""
        return f"{self.backend} {self.device.partition(':')[0]}"


def choose(settings: ClassifierSettings) -> Runtime:
    """Resolve the settings that are `auto`.

    Raises SettingsError if this machine lacks the requested device or precision.
    """
    device = _resolve_device(settings.device)
    backend: Literal["openvino", "torch"] = (
        "openvino" if device == "cpu" and find_spec("openvino") else "torch"
    )
    has = _supported_precisions(backend, device)
    precision = has[0] if settings.precision == "auto" else settings.precision
    if precision not in has:
        raise SettingsError(
            f"precision {precision}: {device} has {', '.join(has)} here; take one of them or auto"
        )
    batch_size = None if settings.batch_size == "auto" else settings.batch_size
    return Runtime(backend, device, precision, batch_size)


def load_backend(network: ClassMapNetwork, card: Card, chosen: Runtime) -> Backend:
    """Load the network into the chosen backend, for slices of the size that the card specifies."""
    if chosen.backend == "openvino":
        from batchmri.model.backends.openvino import OpenVINOBackend

        size = int(card.preparation["size"])
        return OpenVINOBackend(network, size, chosen.precision, chosen.batch_size)
    from batchmri.model.backends.torch import TorchBackend

    default = _CPU_BATCH if chosen.device == "cpu" else _CUDA_BATCH
    return TorchBackend(network, chosen.device, chosen.precision, chosen.batch_size or default)


def _resolve_device(requested: str) -> str:
    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if requested == "auto":
        return "cuda:0" if n_cuda else "cpu"
    if requested == "cpu":
        return requested
    index = int(requested.partition(":")[2] or 0)
    if index >= n_cuda:
        raise SettingsError(
            f"device {requested}: torch sees {n_cuda} CUDA devices here; take cpu or auto"
        )
    return f"cuda:{index}"


def _supported_precisions(backend: str, device: str) -> tuple[str, ...]:
    """Return the precisions of a backend and device, starting with the one that `auto` selects."""
    if device != "cpu":
        bf16 = ("bf16",) if torch.cuda.is_bf16_supported(including_emulation=False) else ()
        return ("fp16", *bf16, "fp32")
    if backend == "openvino":
        from batchmri.model.backends.openvino import supported_precisions

        return supported_precisions()
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    return ("bf16", "fp32") if {"avx512_bf16", "amx_bf16"} & set(flags) else ("fp32",)
