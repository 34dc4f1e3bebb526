"""Calibration of probabilities: reliability diagram, expected calibration error, Brier score.

Source: Guo et al., On Calibration of Modern Neural Networks, 2017.
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
    """Count, mean confidence and accuracy per confidence bin; each of shape (BINS,)."""

    counts: Ints
    confidence: Floats
    accuracy: Floats


def calibration_error(labels: Ints, probabilities: Floats) -> float:
    """Return the expected calibration error over BINS equal-width bins of confidence.

    It is the mean absolute difference of confidence and accuracy, weighted by the bin counts.
    """
    error = multiclass_calibration_error(
        torch.from_numpy(probabilities),
        torch.from_numpy(labels),
        num_classes=probabilities.shape[1],
        n_bins=BINS,
        norm="l1",
    )
    return float(error)


def perfect_errors(probabilities: Floats) -> Floats:
    """Simulate the calibration errors (draws,) of a perfectly calibrated network.

    Labels are drawn from the given probabilities with a fixed seed. With few images, even a
    perfectly calibrated network has an error above 0.
    """
    random = np.random.default_rng(_SEED)
    confidence = probabilities.max(1)
    # A label drawn from the probabilities equals the predicted class with this probability.
    right = random.random((_DRAWS, len(confidence))) < confidence
    in_bin = np.eye(BINS)[_bins(confidence)]
    gaps = (right - confidence) @ in_bin
    errors: Floats = np.abs(gaps).sum(1) / max(len(confidence), 1)
    return errors


def calibration_scores(labels: Ints, probabilities: Floats) -> dict[Key, float]:
    """Return the calibration error, and what it would be with perfect calibration.

    The latter is a mean and a 95th percentile (`perfect_errors`).
    """
    perfect = perfect_errors(probabilities)
    return {
        ("ece", ""): calibration_error(labels, probabilities),
        ("ece_if_perfect", ""): float(perfect.mean()),
        ("ece_if_perfect_95th", ""): float(np.percentile(perfect, 95)),
    }


def brier(labels: Ints, probabilities: Floats) -> dict[Key, float]:
    """Return the multiclass Brier score (Brier, 1950), from 0 (best) to 2 (worst)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return {("brier", ""): float(((probabilities - truth) ** 2).sum(1).mean())}


def reliability(labels: Ints, probabilities: Floats) -> Reliability:
    """Compute a reliability diagram with the bins of `calibration_error`."""
    return binned(probabilities.max(1), probabilities.argmax(1) == labels)


def binned(confidence: Floats, right: npt.NDArray[np.bool_]) -> Reliability:
    """Bin the probabilities (n,) of an event and compute how often it occurred in each bin."""
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
