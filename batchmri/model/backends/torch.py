"""Torch on CUDA, or on a processor where OpenVINO is missing. Not yet run on a GPU."""

from typing import Any

import numpy as np
import torch

from batchmri.model.network import ClassMapNetwork
from batchmri.records import FloatArray

_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class TorchBackend:
    """The network in channels_last, under autocast for half precisions.

    Where CUDA runs out of memory, batches are run in halves from then on: only there may the bits
    of a result depend on more than the slice.
    """

    def __init__(
        self, network: ClassMapNetwork, device: str, precision: str, batch_size: int
    ) -> None:
        self.batch_size = batch_size
        self.device = device
        self.precision = precision
        self.bias: FloatArray = network.linear.bias.detach().float().cpu().numpy().copy()
        move: Any = network.eval().to  # its type stub knows no memory_format
        self._network = move(device, memory_format=torch.channels_last)
        self._most = batch_size

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Class maps (B, classes, h, w) and features (B, k) of prepared slices (B, 1, S, S)."""
        while True:
            try:
                starts = range(0, len(batch), self._most)
                parts = [self._forward(batch[at : at + self._most]) for at in starts]
            except torch.OutOfMemoryError:
                if self._most == 1:
                    raise
                self._most = -(-self._most // 2)
            else:
                maps, features = zip(*parts, strict=True)
                return np.concatenate(maps), np.concatenate(features)
            # Outside the handler: its traceback holds the tensors of the failed run.
            torch.cuda.empty_cache()

    def _forward(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        kind, half = torch.device(self.device).type, _TYPES.get(self.precision)
        with (
            torch.inference_mode(),
            torch.autocast(kind, dtype=half, enabled=half is not None),
            torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False
            ),
        ):
            pictures = torch.from_numpy(batch).to(self.device)
            maps, features = self._network(pictures.contiguous(memory_format=torch.channels_last))
            return maps.float().cpu().numpy(), features.float().cpu().numpy()
