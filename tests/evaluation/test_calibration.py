import numpy as np
import pytest

from batchmri.evaluation.calibration import (
    brier,
    calibration_error,
    calibration_scores,
    perfect_errors,
    reliability,
)


def probabilities(n: int, sharpness: float = 2.0) -> np.ndarray:
    powers = np.exp(sharpness * np.random.default_rng(0).normal(size=(n, 4)))
    return powers / powers.sum(1, keepdims=True)


def draw_labels(rows: np.ndarray, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed).random((len(rows), 1))
    return (random > rows.cumsum(1)).sum(1)


def test_calibration_error_of_a_small_example() -> None:
    rows = np.array([[0.9, 0.1], [0.9, 0.1], [0.7, 0.3], [0.7, 0.3]])
    labels = np.array([0, 1, 0, 0])
    assert calibration_error(labels, rows) == pytest.approx((0.4 + 0.3) / 2, abs=1e-6)
    shown = reliability(labels, rows)
    assert shown.counts.sum() == 4
    assert shown.accuracy[shown.counts > 0].tolist() == [1, 0.5]


def test_calibrated_labels_give_the_expected_error() -> None:
    rows = probabilities(600)
    expected = perfect_errors(rows)
    found = [calibration_error(draw_labels(rows, seed), rows) for seed in range(20)]
    assert np.mean(found) == pytest.approx(expected.mean(), rel=0.2)
    assert expected.mean() > 0.02  # not zero, at this size


def test_overconfident_probabilities_exceed_the_95th_percentile() -> None:
    rows = probabilities(600)
    sharper = rows**3 / (rows**3).sum(1, keepdims=True)
    found = calibration_scores(draw_labels(rows, 1), sharper)
    assert found["ece", ""] > 2 * found["ece_if_perfect_95th", ""]
    assert found == calibration_scores(draw_labels(rows, 1), sharper)


def test_expected_error_is_larger_with_fewer_images() -> None:
    assert perfect_errors(probabilities(60)).mean() > 2 * perfect_errors(probabilities(1000)).mean()


def test_brier_score_of_a_small_example() -> None:
    rows = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    assert brier(np.array([0, 0, 0]), rows)["brier", ""] == pytest.approx((0 + 0.5 + 2) / 3)
