"""Torch backend for CUDA devices, and for CPUs without OpenVINO. Not yet run on a GPU."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from batchmri.records import FloatArray

if TYPE_CHECKING:  # imports torch: only this backend needs it, and only when it is used
    from batchmri.model.network import ClassMapNetwork

_CUDA_BATCH = 256
_CPU_BATCH = 32
_TYPES = {"bf16": "bfloat16", "fp16": "float16"}
_GPU_FILES = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Files of the drivers of NVIDIA and AMD, one of which exists if torch can use a GPU."""


class TorchBackend:
    """Network in channels_last memory format, with autocast for bf16 and fp16.

    If CUDA runs out of memory, this and all later batches are split into halves. Only then can the
    bits of a result depend on more than the slice itself.
    """

    @classmethod
    def available(cls) -> bool:
        """Return True: torch is a dependency of batchmri."""
        return True

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return the CUDA devices and the CPU; torch is not imported without a driver."""
        if not any(Path(name).exists() for name in _GPU_FILES):
            return ("cpu",)
        import torch

        n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return (*(f"cuda:{index}" for index in range(n_cuda)), "cpu")

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        """Return the precisions of a device, starting with the one that `auto` selects."""
        if device != "cpu":
            import torch

            bf16 = ("bf16",) if torch.cuda.is_bf16_supported(including_emulation=False) else ()
            return ("fp16", *bf16, "fp32")
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
        return ("bf16", "fp32") if {"avx512_bf16", "amx_bf16"} & set(flags) else ("fp32",)

    @classmethod
    def create(
        cls,
        network: "ClassMapNetwork",
        size: int,
        device: str,
        precision: str,
        batch_size: int | None,
    ) -> Self:
        """Load a network onto a device."""
        default = _CPU_BATCH if device == "cpu" else _CUDA_BATCH
        return cls(network, device, precision, batch_size or default)

    def __init__(
        self,
        network: "ClassMapNetwork",
        device: str,
        precision: str,
        batch_size: int,
    ) -> None:
        import torch

        self.batch_size = batch_size
        self.device = device
        self.precision = precision
        self.bias: FloatArray = network.linear.bias.detach().float().cpu().numpy().copy()
        move: Any = network.eval().to  # its type stub lacks memory_format
        self._network = move(device, memory_format=torch.channels_last)
        self._max_batch = batch_size

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return class maps (B, classes, h, w) and features (B, k) of slices (B, 1, S, S)."""
        import torch

        while True:
            try:
                starts = range(0, len(batch), self._max_batch)
                parts = [self._forward(batch[at : at + self._max_batch]) for at in starts]
            except torch.OutOfMemoryError:
                if self._max_batch == 1:
                    raise
                self._max_batch = -(-self._max_batch // 2)
            else:
                maps, features = zip(*parts, strict=True)
                return np.concatenate(maps), np.concatenate(features)
            # Not in the except block, where the traceback keeps the failed run's tensors alive.
            torch.cuda.empty_cache()

    def _forward(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        import torch

        half = getattr(torch, _TYPES[self.precision]) if self.precision in _TYPES else None
        device_type = torch.device(self.device).type
        with (
            torch.inference_mode(),
            torch.autocast(device_type, dtype=half, enabled=half is not None),
            torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False
            ),
        ):
            slices = torch.from_numpy(batch).to(self.device)
            maps, features = self._network(slices.contiguous(memory_format=torch.channels_last))
            return maps.float().cpu().numpy(), features.float().cpu().numpy()
