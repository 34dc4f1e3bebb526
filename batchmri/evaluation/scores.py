"""The paper's table: precision, recall, F1 and support of every class, accuracy and averages."""

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
    called: Ints,
    classes: Sequence[str],
    no_tumor: int,
    groups: Ints,
    resamples: int = RESAMPLES,
) -> list[Measure]:
    """The paper's table, and what is called a tumour, with intervals; n is the support."""

    def statistic(some: Indices) -> dict[Key, float]:
        scores = table_scores(labels[some], called[some], classes)
        return scores | tumor_scores(labels[some], called[some], classes, no_tumor)

    # Checks of what was checked once take most of scikit-learn's time on so few numbers.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        found = bootstrapped(subset, statistic, groups, resamples)
    counts = support_of(labels, classes)
    return [replace(one, n=counts.get(one.of, one.n)) for one in found]


def table_scores(labels: Ints, called: Ints, classes: Sequence[str]) -> dict[Key, float]:
    """Precision, recall and F1 by class, macro and weighted; accuracy.

    A class that is never called has precision 0. One without pictures has no recall and no F1
    (NaN), no precision either unless it is called, and stands in no average.
    """
    places = np.arange(len(classes))
    scores = precision_recall_fscore_support(labels, called, labels=places, zero_division=0)
    *shares, support = (np.asarray(score, np.float64) for score in scores)
    there = support > 0
    is_called = np.bincount(called, minlength=len(classes)) > 0
    found: dict[Key, float] = {}
    for metric, values in zip(TABLE, shares, strict=True):
        known = there | is_called if metric == "precision" else there
        for place, name in enumerate(classes):
            found[metric, name] = float(values[place]) if known[place] else math.nan
        found[metric, "macro"] = float(values[there].mean())
        found[metric, "weighted"] = float(np.average(values, weights=support))
    found["accuracy", ""] = float((labels == called).mean())
    return found


def tumor_scores(
    labels: Ints, called: Ints, classes: Sequence[str], no_tumor: int
) -> dict[Key, float]:
    """The share of every class that is called a tumour, of whatever class; NaN without pictures."""
    is_called = called != no_tumor
    own = ((name, is_called[labels == place]) for place, name in enumerate(classes))
    return {(TUMOR, name): float(some.mean()) if len(some) else math.nan for name, some in own}


def support_of(labels: Ints, classes: Sequence[str]) -> Mapping[str, int]:
    """How many pictures each class has."""
    counts = np.bincount(labels, minlength=len(classes))
    return {name: int(counts[place]) for place, name in enumerate(classes)}


def ranking_measures(
    subset: str, labels: Ints, probabilities: Floats, classes: Sequence[str]
) -> list[Measure]:
    """Area under the ROC curve and average precision of each class against all others.

    NaN where a class has no pictures, or nothing else has.
    """
    found = []
    for place, name in enumerate(classes):
        own, scores = labels == place, probabilities[:, place]
        known, n = own.any() and not own.all(), int(own.sum())
        auc = float(roc_auc_score(own, scores)) if known else math.nan
        average = float(average_precision_score(own, scores)) if known else math.nan
        found.append(Measure(subset, "roc_auc", name, auc, n=n))
        found.append(Measure(subset, "average_precision", name, average, n=n))
    return found


def confusion(labels: Ints, called: Ints, n_classes: int) -> Ints:
    """Pictures by true class (rows) and called class (columns)."""
    counts = multiclass_confusion_matrix(
        torch.from_numpy(called), torch.from_numpy(labels), n_classes
    )
    return np.asarray(counts.numpy(), np.int64)
