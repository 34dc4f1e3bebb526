"""Interface of the inference backends."""

from typing import TYPE_CHECKING, Protocol

from batchmri.records import FloatArray

if TYPE_CHECKING:  # imports torch
    from batchmri.model.network import ClassMapNetwork


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
        """Return class maps (B, classes, h, w) and features (B, k) of slices (B, 1, S, S).

        The memory of `batch` is used again after the call.
        """


class BackendType(Protocol):
    """An entry of the registry: a class whose objects are Backends."""

    @classmethod
    def available(cls) -> bool:
        """Return whether the libraries of this backend are installed."""

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return the devices of this machine that this backend can use, fastest first."""

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        """Return the precisions of a device, starting with the one that `auto` selects."""

    @classmethod
    def create(
        cls,
        network: "ClassMapNetwork",
        size: int,
        device: str,
        precision: str,
        batch_size: int | None,
    ) -> Backend:
        """Load a network for slices of `size` × `size` pixels.

        A backend with a true attribute `uses_weights` may get the Weights of a checkpoint instead.
        If `batch_size` is None, the backend chooses it.
        """
