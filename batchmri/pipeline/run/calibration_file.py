"""The file that `batchmri calibrate` writes and `--calibration` reads: verdict rules of a site."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from batchmri.errors import ModelError, SettingsError
from batchmri.settings import Settings, first_error
from batchmri.settings.sources import read_yaml

FITTED = (
    "temperature",
    "tumor_above",
    "notumor_below",
    "notumor_below_without_contrast",
    "min_class_share",
    "min_class_share_without_contrast",
)
"""The verdict settings that a calibration may contain."""
_WHAT = "calibration file"


class Calibration(BaseModel):
    """Verdict settings of a site, fitted for one model.

    `model_digest` is the SHA-256 of the weights. `targets` are the requested error rates, `labels`
    the number of labeled series of each kind, `expected` the error rates estimated out of sample.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    calibration_version: Literal[1] = 1
    model_digest: str = Field(min_length=1)
    verdict: dict[Literal[FITTED], float]  # type: ignore[valid-type]
    targets: dict[str, float] = {}
    labels: dict[str, int] = {}
    expected: dict[str, Any] = {}

    def dump(self) -> bytes:
        """The content of the file."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False).encode()


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file. Raises SettingsError with one line."""
    document = read_yaml(path, what=_WHAT)
    try:
        return Calibration.model_validate(document)
    except ValidationError as error:
        where, first = first_error(error)
        raise SettingsError(
            f"{_WHAT} {path}: {where}: {first['msg'].lower()}; write it with batchmri calibrate"
        ) from None


def with_calibration(settings: Settings, card: Mapping[str, Any], model_digest: str) -> Settings:
    """Complete settings with those of the calibration file, then those of the model card (`card`).

    Raises ModelError if the file was made for another model, and SettingsError if it is invalid.
    """
    path = settings.classifier.calibration
    if path is None:
        return settings.with_model_rules(card)
    calibration = read_calibration(path)
    if calibration.model_digest != model_digest:
        raise ModelError(
            f"{settings.name('classifier.calibration')}: {path} was made for the model "
            f"{calibration.model_digest[:12]}, not for {model_digest[:12]}; run batchmri calibrate "
            "again for this model"
        )
    return settings.with_model_rules(card, [(f"{_WHAT} {path}", calibration.verdict)])


def calibration_record(settings: Settings) -> dict[str, Any] | None:
    """The calibration in use, for run.json; None if there is none."""
    path = settings.classifier.calibration
    if path is None:
        return None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"path": str(path), "sha256": digest, **read_calibration(path).model_dump(mode="json")}
