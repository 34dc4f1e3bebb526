"""Model card: training data, classes, preparation, thresholds and measured performance."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from batchmri.errors import ModelError
from batchmri.records import INDETERMINATE, TUMOR
from batchmri.renamed import CARD, rename_keys
from batchmri.settings import first_error

ARCHITECTURE = "efficientnet-b1"
SHIPPED = Path(__file__).parent / "weights" / "batchmri-b1.safetensors"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _current_names(cls, given: Any) -> Any:
        """Accept the names of earlier versions."""
        return rename_keys(given, CARD) if isinstance(given, dict) else given


class DataSource(_Part):
    """One source of training images."""

    name: str
    license: str
    use: str = ""


class ClassCode(_Part):
    """A code for a class, such as C3059, NCIt, Glioma."""

    value: str = Field(min_length=1, max_length=64)
    scheme: str = Field(min_length=1, max_length=16)
    meaning: str = Field(min_length=1, max_length=64)


class Card(_Part):
    """Description of a checkpoint, for scans and for people.

    `classes` are in the order of the network's outputs. `preparation` contains the preparation
    settings of the training, which scans apply as well. Calibrated probabilities are
    softmax(logits / temperature). `verdict` contains this model's verdict settings, under the names
    of the configuration. `codes` are the codes of classes in DICOM results; a class without one
    gets a private code. `commands` reproduce the model and print its metrics. `weights_digest` is
    the SHA-256 of the weights file. The card contains no timestamp, so that the same training
    produces the same card.
    """

    classes: tuple[str, ...] = Field(min_length=2)
    no_tumor_class: str
    architecture: str = ARCHITECTURE
    last_stride: bool = True
    preparation: dict[str, Any]
    temperature: float = Field(1.0, gt=0)
    verdict: dict[str, Any] = {}
    weights_digest: str = ""
    training_data_digest: str = ""
    sources: tuple[DataSource, ...] = ()
    metrics: dict[str, Any] = {}
    commands: tuple[str, ...] = ()
    license: str = ""
    domain: str = ""
    codes: dict[str, ClassCode] = {}
    intended_use: str = "Research use only. Not a medical device."
    created_by: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("two classes have the same name")
        if INDETERMINATE in self.classes or self.no_tumor_class == TUMOR:
            raise ValueError(
                f"{INDETERMINATE!r} cannot be a class, and {TUMOR!r} cannot mean no tumor: "
                "verdicts have these names"
            )
        if self.no_tumor_class not in self.classes:
            raise ValueError(f"no_tumor_class {self.no_tumor_class!r} is not one of the classes")
        if self.architecture != ARCHITECTURE:
            raise ValueError(
                f"architecture {self.architecture!r} is not supported; expected {ARCHITECTURE}"
            )
        if unknown := sorted(set(self.codes) - set(self.classes)):
            raise ValueError(f"codes: {unknown[0]!r} is not one of the classes")
        return self

    @property
    def no_tumor_index(self) -> int:
        """Index of the class that means "no tumor"."""
        return self.classes.index(self.no_tumor_class)


def read_card(path: Path) -> Card:
    """Read the card stored next to a checkpoint, but not the weights.

    Raises ModelError if a file is missing or the card is invalid.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise ModelError(f"model {path}: {what}; name a checkpoint (.safetensors)")
    card = path.with_suffix(".json")
    if card == path:
        raise ModelError(f"model {path}: is a model card; name the checkpoint (.safetensors)")
    try:
        return Card.model_validate_json(card.read_bytes())
    except OSError as error:
        raise ModelError(
            f"model {path}: its card {card.name} cannot be read ({error.strerror})"
        ) from None
    except ValidationError as error:
        where, first = first_error(error)
        raise ModelError(f"model card {card}: {where} {first['msg'].lower()}") from None
