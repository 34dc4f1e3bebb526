"""Interface of the inference backends."""

from typing import Protocol

from batchmri.records import FloatArray


class Backend(Protocol):
    """Network that runs on batches of up to `batch_size` prepared slices.

    `device` is cpu or cuda:N; `precision` is fp32, bf16 or fp16. `bias` (classes,) converts class
    maps to Grad-CAM: ReLU(map − bias).
    """

    batch_size: int
    device: str
    precision: str
    bias: FloatArray

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return class maps (B, classes, h, w) and features (B, k) of slices (B, 1, S, S)."""
