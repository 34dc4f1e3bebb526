"""The interface of a backend."""

from typing import Protocol

from batchmri.records import FloatArray


class Backend(Protocol):
    """Runs the network on batches of one size.

    `device` is cpu or cuda:N, `precision` fp32, bf16 or fp16. `bias` (classes,) turns a class map
    into Grad-CAM: ReLU(map − bias).
    """

    batch_size: int
    device: str
    precision: str
    bias: FloatArray

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Class maps (B, classes, h, w) and features (B, k) of prepared slices (B, 1, S, S)."""
