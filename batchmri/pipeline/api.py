"""`batchmri.load_classifier`: the classifier as a callable on 2-D arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from batchmri.errors import UsageError
from batchmri.gray_levels import rescaled
from batchmri.model.calibration import probabilities
from batchmri.pipeline.run.loaded_model import Model
from batchmri.pipeline.run.provenance import effective_settings
from batchmri.preparation.transforms import PreparationSettings, prepare
from batchmri.records import FloatArray
from batchmri.settings import Settings

_SQUARE_SPACING = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Predictions:
    """Classifier outputs for N images; classes are in the order of the model card."""

    predicted: list[str]
    probabilities: npt.NDArray[np.float64]
    """N x classes, calibrated."""
    maps: FloatArray
    """N x classes x h x w: class maps, the evidence for each class at each position."""
    features: FloatArray
    """N x k: feature vectors."""


class Classifier:
    """Prepares and classifies images independently of each other."""

    def __init__(self, model: Model, temperature: float) -> None:
        self.classes = model.classes.names
        self._model = model
        self._temperature = temperature
        self._preparation = PreparationSettings.model_validate(model.card.preparation)

    def __call__(self, slices: Sequence[npt.NDArray[np.generic]]) -> Predictions:
        """Classify 2-D arrays of any size and bit depth, with square pixels.

        Raises UsageError for an empty list, an array that is empty, not 2-D or not of real numbers,
        and values that are not finite in single precision.
        """
        if not len(slices) or any(array.ndim != 2 or not array.size for array in slices):
            raise UsageError("expected a list of 2-D arrays with pixels, at least one")
        images = np.concatenate(
            [
                prepare(_checked(array, number)[None], _SQUARE_SPACING, self._preparation).pixels
                for number, array in enumerate(slices)
            ]
        )
        maps, features = self._model.backend.run(images)
        rows = probabilities(maps, self._temperature)
        predicted = [self.classes[i] for i in rows.argmax(axis=1)]
        return Predictions(predicted, rows, maps, features)


def _checked(array: npt.NDArray[np.generic], number: int) -> FloatArray:
    if array.dtype.kind not in "biuf":
        raise UsageError(f"slices[{number}] contains {array.dtype} values, not real numbers")
    with np.errstate(over="ignore"):
        image = array.astype(np.float32)
    if not np.isfinite(image).all():
        raise UsageError(f"slices[{number}] contains NaN, infinite or too large values")
    return rescaled(image)


def load_classifier(
    model: Path | str | None = None,
    *,
    calibration: Path | str | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> Classifier:
    """Load a checkpoint; None loads the shipped one.

    `calibration` is a file that `batchmri calibrate` has written; its temperature applies to the
    probabilities. Raises ModelError, also if the file was made for another model, and
    SettingsError.
    """
    flags = {"model": model, "calibration": calibration, "device": device, "precision": precision}
    names = {f"classifier.{argument}": argument for argument in flags}
    settings = effective_settings(Settings.load(names=names, classifier=flags))
    loaded = Model.describe(settings.classifier)
    return Classifier(loaded, settings.verdict.temperature or loaded.card.temperature)
