"""Choice of backend, device, precision and batch size."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batchmri.errors import SettingsError
from batchmri.extensions import BACKENDS
from batchmri.model.backends.base import Backend, BackendType
from batchmri.model.card import Card
from batchmri.model.weights import Weights
from batchmri.settings.classifier import ClassifierSettings

if TYPE_CHECKING:  # imports torch
    from batchmri.model.network import ClassMapNetwork


@dataclass(frozen=True, slots=True)
class Runtime:
    """Classifier settings with every `auto` resolved.

    If `batch_size` is None, the backend chooses it.
    """

    backend: str
    device: str
    precision: str
    batch_size: int | None

    @property
    def engine(self) -> str:
        """Backend and device type, on which the exact bits of a result depend."""
        return f"{self.backend} {self.device.partition(':')[0]}"


def choose(settings: ClassifierSettings) -> Runtime:
    """Resolve the settings that are `auto`.

    `auto` selects a CUDA device if there is one, and the first backend in `batchmri.extensions`
    that is installed and can use the device. Backends of other packages are selected only by name.
    Raises SettingsError if this machine lacks a backend, device or precision of the settings.
    """
    backends = _backends(settings.backend)
    device = _resolve_device(settings.device, backends)
    name = next(name for name, backend in backends.items() if device in backend.devices())
    has = backends[name].precisions(device)
    precision = has[0] if settings.precision == "auto" else settings.precision
    if precision not in has:
        raise SettingsError(
            f"precision {precision}: {device} has {', '.join(has)} here; take one of them or auto"
        )
    batch_size = None if settings.batch_size == "auto" else settings.batch_size
    return Runtime(name, device, precision, batch_size)


def load_backend(network: "ClassMapNetwork | Weights", card: Card, chosen: Runtime) -> Backend:
    """Load the network into the chosen backend, for slices of the size that the card specifies."""
    backend: BackendType = BACKENDS.load(chosen.backend)
    size = int(card.preparation["size"])
    source: Any = network
    if isinstance(network, Weights) and not getattr(backend, "uses_weights", False):
        source = network.network()
    return backend.create(source, size, chosen.device, chosen.precision, chosen.batch_size)


def _backends(requested: str) -> dict[str, BackendType]:
    """The installed backends to choose from."""
    names = BACKENDS.built_in if requested == "auto" else (requested,)
    backends: dict[str, BackendType] = {name: BACKENDS.load(name) for name in names}
    installed = {name: backend for name, backend in backends.items() if backend.available()}
    if not installed:
        raise SettingsError(
            f"backend {requested}: it is not installed here; install it or take auto"
        )
    return installed


def _resolve_device(requested: str, backends: dict[str, BackendType]) -> str:
    devices = [device for backend in backends.values() for device in backend.devices()]
    if requested == "auto":
        return next((device for device in devices if device.startswith("cuda")), devices[0])
    device = "cuda:0" if requested == "cuda" else requested
    if device not in devices:
        n_cuda = len({device for device in devices if device.startswith("cuda")})
        names = " and ".join(backends)
        raise SettingsError(
            f"device {requested}: {names} can use {n_cuda} CUDA devices here; take cpu or auto"
        )
    return device
