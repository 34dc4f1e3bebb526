import math

import numpy as np
import pytest
from sklearn.metrics import classification_report

from batchmri.evaluation.coverage import coverage_scores, risk_by_coverage
from batchmri.evaluation.intervals import bootstrapped, resampled
from batchmri.evaluation.scores import (
    confusion,
    ranking_measures,
    table_measures,
    table_scores,
    tumor_scores,
)
from batchmri.proportions import wilson

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2])
CALLED = np.array([0, 0, 0, 1, 1, 2, 2, 2])
CLASSES = ("a", "b", "c")


def test_table_scores_of_a_small_example() -> None:
    found = table_scores(LABELS, CALLED, CLASSES)
    assert found["precision", "a"] == 1
    assert found["recall", "a"] == 0.75
    assert found["f1", "a"] == pytest.approx(6 / 7)
    assert found["precision", "b"] == found["recall", "b"] == found["f1", "b"] == 0.5
    assert found["precision", "c"] == pytest.approx(2 / 3)
    assert found["recall", "macro"] == pytest.approx((0.75 + 0.5 + 1) / 3)
    assert found["recall", "weighted"] == found["accuracy", ""] == 0.75
    assert found["precision", "weighted"] == pytest.approx((4 + 2 * 0.5 + 2 * 2 / 3) / 8)


def test_table_scores_equal_scikit_learn() -> None:
    report = classification_report(LABELS, CALLED, target_names=CLASSES, output_dict=True)
    found = table_scores(LABELS, CALLED, CLASSES)
    assert found["f1", "macro"] == pytest.approx(report["macro avg"]["f1-score"])
    assert found["f1", "weighted"] == pytest.approx(report["weighted avg"]["f1-score"])


def test_a_class_without_images_is_nan_and_in_no_average() -> None:
    labels, called = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])
    found = table_scores(labels, called, CLASSES)
    assert all(math.isnan(found[metric, "c"]) for metric in ("precision", "recall", "f1"))
    assert found["recall", "macro"] == 0.75
    never_called = table_scores(labels, np.zeros(4, np.int64), CLASSES)
    assert never_called["precision", "b"] == never_called["f1", "b"] == 0


def test_a_wrong_tumor_class_counts_as_called_tumor() -> None:
    found = tumor_scores(LABELS, CALLED, CLASSES, no_tumor=2)
    assert found == {("called_tumor", "a"): 1, ("called_tumor", "b"): 0.5, ("called_tumor", "c"): 0}


def test_n_is_the_support() -> None:
    measures = table_measures("raw", LABELS, CALLED, CLASSES, 2, np.arange(8), resamples=20)
    assert {m.of: m.n for m in measures if m.metric == "recall"} == {
        "a": 4,
        "b": 2,
        "c": 2,
        "macro": 8,
        "weighted": 8,
    }
    assert all(m.low is None or m.low <= m.value <= (m.high or 0) for m in measures)


def test_resampling_keeps_groups_whole_and_is_reproducible() -> None:
    groups = np.array([5, 2, 5, 2, 9])
    first, again = resampled(groups, 50), resampled(groups, 50)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    for drawn in first:
        counts = np.bincount(drawn, minlength=5)
        assert counts[0] == counts[2]
        assert counts[1] == counts[3]
        assert counts[0] + counts[1] + counts[4] == 3
    assert len({drawn.tobytes() for drawn in first}) > 5


def test_grouping_widens_the_interval() -> None:
    values = np.repeat(np.arange(10) % 2, 20).astype(float)

    def width(groups: np.ndarray) -> float:
        (measure,) = bootstrapped("", lambda some: {("mean", ""): values[some].mean()}, groups, 400)
        assert measure.low is not None
        assert measure.high is not None
        return measure.high - measure.low

    alone, together = width(np.arange(200)), width(np.repeat(np.arange(10), 20))
    assert alone == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(200), rel=0.15)
    assert together == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(10), rel=0.15)


def test_wilson_interval_of_known_values() -> None:
    assert wilson(1.0, 10) == (pytest.approx(0.7225, abs=1e-4), pytest.approx(1.0))
    assert wilson(0.5, 100) == (pytest.approx(0.4038, abs=1e-4), pytest.approx(0.5962, abs=1e-4))


def test_ranking_measures_of_a_small_example() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5], [0.1, 0.9]])
    found = {(m.metric, m.of): m.value for m in ranking_measures("", labels, probabilities, "ab")}
    assert found["roc_auc", "b"] == 0.75
    assert found["average_precision", "b"] == pytest.approx((1 + 2 / 3) / 2)
    (alone, *_) = ranking_measures("", np.array([0, 0]), probabilities[:2], "ab")
    assert math.isnan(alone.value)


def test_confusion_matrix_has_true_classes_as_rows() -> None:
    assert confusion(LABELS, CALLED, 3).tolist() == [[3, 1, 0], [0, 1, 1], [0, 0, 2]]


def test_risk_by_coverage_of_a_small_example() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    labels = np.array([0, 1, 1, 1])
    coverage, risk = risk_by_coverage(labels, probabilities)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert risk.tolist() == [0, 0, 0, 0.25]
    found = coverage_scores(labels, probabilities)
    assert found["aurc", ""] == 0.0625
    assert found["risk_at_50_coverage", ""] == 0
    assert found["risk_at_95_coverage", ""] == 0.25
