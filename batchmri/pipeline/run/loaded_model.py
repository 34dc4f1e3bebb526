"""The model of a scan: its weights are checked at the start, and loaded for the first slice."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from batchmri.model.backends.base import Backend
from batchmri.model.backends.registry import Runtime, choose, load_backend
from batchmri.model.card import SHIPPED, Card, read_card
from batchmri.model.ood import DomainModel
from batchmri.model.weights import check_weights
from batchmri.model.weights import read_weights as load_checkpoint
from batchmri.records import Classes
from batchmri.settings.classifier import ClassifierSettings


@dataclass
class Model:
    """A checkpoint, its card, and the runtime (device and precision)."""

    path: Path
    card: Card
    chosen: Runtime

    @classmethod
    def describe(cls, settings: ClassifierSettings) -> "Model":
        """Read the card, check the weights, and choose device and precision; imports no torch.

        Raises ModelError, also if the weights are not those of the card, and SettingsError.
        """
        path = settings.model or SHIPPED
        card = read_card(path)
        check_weights(path, card)
        return cls(path, card, choose(settings))

    @property
    def classes(self) -> Classes:
        """The classes of the model card."""
        card = self.card
        return Classes(card.classes, card.no_tumor_class, card.temperature)

    @property
    def provenance(self) -> dict[str, str]:
        """Everything that results depend on: model, temperature, preparation, device, precision."""
        return {
            "model": self.card.weights_digest,
            "temperature": str(self.card.temperature),
            "preparation": str(sorted(self.card.preparation.items())),
            "device": self.chosen.engine,
            "precision": self.chosen.precision,
        }

    def load(self) -> None:
        """Load the network now. Raises ModelError."""
        self._loaded  # noqa: B018

    @property
    def backend(self) -> Backend:
        """The loaded network."""
        return self._loaded[0]

    @property
    def ood_detector(self) -> DomainModel | None:
        """The out-of-distribution detector; None if the checkpoint has none."""
        return self._loaded[1]

    @cached_property
    def _loaded(self) -> tuple[Backend, DomainModel | None]:
        network, _, detector = load_checkpoint(self.path)
        return load_backend(network, self.card, self.chosen), detector
