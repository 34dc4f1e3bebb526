"""Classification metrics: precision, recall, F1 and support per class, averages, accuracy."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from sklearn import config_context
from sklearn.metrics import (
    average_precision_score,
    precision_recall_fscore_support,
    roc_auc_score,
)
from torchmetrics.functional.classification import multiclass_confusion_matrix

from batchmri.evaluation.intervals import (
    RESAMPLES,
    Floats,
    Indices,
    Ints,
    Key,
    Measure,
    bootstrapped,
)

TABLE = ("precision", "recall", "f1")
TUMOR = "called_tumor"
AVERAGES = ("macro", "weighted")


def table_measures(
    subset: str,
    labels: Ints,
    predicted: Ints,
    classes: Sequence[str],
    no_tumor: int,
    groups: Ints,
    resamples: int = RESAMPLES,
) -> list[Measure]:
    """Return the metrics of this module with intervals; n is the support."""

    def statistic(some: Indices) -> dict[Key, float]:
        scores = table_scores(labels[some], predicted[some], classes)
        return scores | tumor_scores(labels[some], predicted[some], classes, no_tumor)

    # For arrays this small, the repeated validation takes most of scikit-learn's time.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        found = bootstrapped(subset, statistic, groups, resamples)
    counts = support_of(labels, classes)
    return [replace(one, n=counts.get(one.of, one.n)) for one in found]


def table_scores(labels: Ints, predicted: Ints, classes: Sequence[str]) -> dict[Key, float]:
    """Return precision, recall and F1 per class, macro and weighted averages, and accuracy.

    The precision of a class that is never predicted is 0. For a class without images, recall and F1
    are NaN, precision is NaN unless the class is predicted, and all averages exclude it.
    """
    places = np.arange(len(classes))
    scores = precision_recall_fscore_support(labels, predicted, labels=places, zero_division=0)
    *shares, support = (np.asarray(score, np.float64) for score in scores)
    has_support = support > 0
    is_predicted = np.bincount(predicted, minlength=len(classes)) > 0
    found: dict[Key, float] = {}
    for metric, values in zip(TABLE, shares, strict=True):
        known = has_support | is_predicted if metric == "precision" else has_support
        for place, name in enumerate(classes):
            found[metric, name] = float(values[place]) if known[place] else math.nan
        found[metric, "macro"] = float(values[has_support].mean())
        found[metric, "weighted"] = float(np.average(values, weights=support))
    found["accuracy", ""] = float((labels == predicted).mean())
    return found


def tumor_scores(
    labels: Ints, predicted: Ints, classes: Sequence[str], no_tumor: int
) -> dict[Key, float]:
    """Return the fraction of each class predicted as any tumor class; NaN without images."""
    is_predicted = predicted != no_tumor
    by_class = ((name, is_predicted[labels == place]) for place, name in enumerate(classes))
    return {(TUMOR, name): float(some.mean()) if len(some) else math.nan for name, some in by_class}


def support_of(labels: Ints, classes: Sequence[str]) -> Mapping[str, int]:
    """Return the number of images of each class."""
    counts = np.bincount(labels, minlength=len(classes))
    return {name: int(counts[place]) for place, name in enumerate(classes)}


def ranking_measures(
    subset: str, labels: Ints, probabilities: Floats, classes: Sequence[str]
) -> list[Measure]:
    """Return one-vs-rest ROC AUC and average precision of each class.

    They are NaN if the class, or all other classes together, have no images.
    """
    found = []
    for place, name in enumerate(classes):
        positive, scores = labels == place, probabilities[:, place]
        known, n = positive.any() and not positive.all(), int(positive.sum())
        auc = float(roc_auc_score(positive, scores)) if known else math.nan
        average = float(average_precision_score(positive, scores)) if known else math.nan
        found.append(Measure(subset, "roc_auc", name, auc, n=n))
        found.append(Measure(subset, "average_precision", name, average, n=n))
    return found


def confusion(labels: Ints, predicted: Ints, n_classes: int) -> Ints:
    """Return the confusion matrix: counts by true class (rows) and predicted class (columns)."""
    counts = multiclass_confusion_matrix(
        torch.from_numpy(predicted), torch.from_numpy(labels), n_classes
    )
    return np.asarray(counts.numpy(), np.int64)
