"""Torch backend for CUDA devices, and for CPUs without OpenVINO. Not yet run on a GPU.

A batch is run in parts of one fixed shape. On CUDA, the network is compiled for this shape, and
parts are queued without waiting: while the GPU computes one part, the next one is copied to it.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from batchmri.model.backends.network_cache import cache_folder
from batchmri.records import FloatArray

if TYPE_CHECKING:  # imports torch: only this backend needs it, and only when it is used
    from torch import Tensor

    from batchmri.model.network import ClassMapNetwork

_CUDA_PART = 128
_CUDA_PARTS_PER_BATCH = 2  # only the copy of the first part does not overlap with computation
_CPU_BATCH = 32
TYPES = {"bf16": "bfloat16", "fp16": "float16"}
_GPU_FILES = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Files of the drivers of NVIDIA and AMD, one of which exists if torch can use a GPU."""


class TorchBackend:
    """Network in channels_last memory format, with autocast for bf16 and fp16.

    If CUDA runs out of memory, the parts of this and all later batches are halved. Only then can
    the bits of a result depend on more than the slice itself.
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
        default = _CPU_BATCH if device == "cpu" else _CUDA_PARTS_PER_BATCH * _CUDA_PART
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
        self._part = batch_size
        self._copies: Any = None  # CUDA stream
        if device != "cpu":
            self._part = min(batch_size, _CUDA_PART)
            new_stream: Any = torch.cuda.Stream  # without types
            self._copies = new_stream(device)
            self._network = compiled(self._network)

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return class maps (B, classes, h, w) and features (B, k) of slices (B, 1, S, S)."""
        import torch

        while True:
            try:
                return self._run_parts(batch)
            except torch.OutOfMemoryError:
                if self._part == 1:
                    raise
                self._part = -(-self._part // 2)
            # Not in the except block, where the traceback keeps the failed run's tensors alive.
            torch.cuda.empty_cache()

    def _run_parts(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        import torch

        padded = np.pad(batch, ((0, -len(batch) % self._part), (0, 0), (0, 0), (0, 0)))
        starts = range(0, len(padded), self._part)
        parts = [self._forward(padded[at : at + self._part]) for at in starts]
        if self._copies is not None:
            torch.cuda.current_stream(self.device).synchronize()
        maps, features = (
            torch.cat(part)[: len(batch)].numpy() for part in zip(*parts, strict=True)
        )
        return maps, features

    def _forward(self, part: FloatArray) -> "tuple[Tensor, Tensor]":
        """Class maps and features in memory of the CPU; on CUDA, after synchronization only."""
        import torch

        half = getattr(torch, TYPES[self.precision]) if self.precision in TYPES else None
        device_type = torch.device(self.device).type
        with (
            torch.inference_mode(),
            torch.autocast(device_type, dtype=half, enabled=half is not None),
            torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False
            ),
        ):
            slices = self._moved(torch.from_numpy(part))
            maps, features = self._network(slices.contiguous(memory_format=torch.channels_last))
            return maps.float().to("cpu", non_blocking=True), features.float().to(
                "cpu", non_blocking=True
            )

    def _moved(self, slices: "Tensor") -> "Tensor":
        """The slices on the device, copied while it computes what was queued before."""
        import torch

        if self._copies is None:
            return slices
        with torch.cuda.stream(self._copies):
            moved = slices.pin_memory().to(self.device, non_blocking=True)
        computing = torch.cuda.current_stream(self.device)
        computing.wait_stream(self._copies)
        moved.record_stream(computing)  # its memory is not reused before the network has read it
        return moved


def compiled(network: Any) -> Any:
    """The network compiled by torch for one shape; if that fails, torch runs it as it is.

    Compiled code is kept in the cache folder of batchmri, unless the environment names another one.
    """
    import torch
    import torch._dynamo

    folder = cache_folder() / "inductor"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
    torch._dynamo.config.suppress_errors = True
    return torch.compile(network, dynamic=False)
