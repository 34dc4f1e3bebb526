"""Whether probabilities mean what they say: reliability, calibration error, Brier score.

Guo et al., On Calibration of Modern Neural Networks, 2017.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from batchmri.evaluation.intervals import Floats, Ints, Key

BINS = 15
_DRAWS = 1000
_SEED = 0


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of each bin of confidence: how many, mean confidence, share called right."""

    counts: Ints
    confidence: Floats
    accuracy: Floats


def calibration_error(labels: Ints, probabilities: Floats) -> float:
    """Expected calibration error: the gap of confidence and accuracy over BINS equal bins."""
    error = multiclass_calibration_error(
        torch.from_numpy(probabilities),
        torch.from_numpy(labels),
        num_classes=probabilities.shape[1],
        n_bins=BINS,
        norm="l1",
    )
    return float(error)


def perfect_errors(probabilities: Floats) -> Floats:
    """Calibration errors (draws,) that these very probabilities would show if they were true.

    Labels are drawn from them, seeded: with few pictures even a perfect network shows an error.
    """
    random = np.random.default_rng(_SEED)
    confidence = probabilities.max(1)
    # A label drawn from the probabilities is the called class that often.
    right = random.random((_DRAWS, len(confidence))) < confidence
    in_bin = np.eye(BINS)[_bins(confidence)]
    gaps = (right - confidence) @ in_bin
    errors: Floats = np.abs(gaps).sum(1) / max(len(confidence), 1)
    return errors


def calibration_scores(labels: Ints, probabilities: Floats) -> dict[Key, float]:
    """The calibration error, and the mean and 95th percentile of a perfect network's."""
    perfect = perfect_errors(probabilities)
    return {
        ("ece", ""): calibration_error(labels, probabilities),
        ("ece_if_perfect", ""): float(perfect.mean()),
        ("ece_if_perfect_95th", ""): float(np.percentile(perfect, 95)),
    }


def brier(labels: Ints, probabilities: Floats) -> dict[Key, float]:
    """The Brier score over all classes (Brier, 1950): 0 is perfect, 2 the worst."""
    truth = np.eye(probabilities.shape[1])[labels]
    return {("brier", ""): float(((probabilities - truth) ** 2).sum(1).mean())}


def reliability(labels: Ints, probabilities: Floats) -> Reliability:
    """What a reliability diagram shows, in the bins of `calibration_error`."""
    return binned(probabilities.max(1), probabilities.argmax(1) == labels)


def binned(confidence: Floats, right: npt.NDArray[np.bool_]) -> Reliability:
    """Probabilities (n,) that something is so, by their bins, and how often it is."""
    bins = _bins(confidence)
    counts = np.bincount(bins, minlength=BINS)
    some = np.maximum(counts, 1)
    return Reliability(
        counts.astype(np.int64),
        np.bincount(bins, confidence, BINS) / some,
        np.bincount(bins, right, BINS) / some,
    )


def _bins(confidence: Floats) -> Ints:
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
