"""Plots of an image evaluation, with one panel per subset."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes

from batchmri.evaluation.calibration import reliability
from batchmri.evaluation.charts import (
    Curve,
    draw_confusion,
    draw_coverage,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    save_figure,
)
from batchmri.evaluation.inference import RowPredictions
from batchmri.evaluation.scores import confusion


def write_plots(subsets: Mapping[str, RowPredictions], folder: Path) -> None:
    """Write confusion, roc, precision_recall, reliability and coverage (.png)."""
    plots: dict[str, tuple[Callable[[RowPredictions, Axes], None], str]] = {
        "confusion": (_confusion, "Confusion matrix"),
        "roc": (_roc, "ROC, each class against the others"),
        "precision_recall": (_precision_recall, "Precision and recall, each class"),
        "reliability": (_reliability, "Reliability"),
        "coverage": (_coverage, "Risk by coverage"),
    }
    for name, (draw, title) in plots.items():
        panels = {
            f"{subset}, n = {len(predictions.rows)}": partial(draw, predictions)
            for subset, predictions in subsets.items()
        }
        save_figure(folder / f"{name}.png", title, panels)


def _confusion(predictions: RowPredictions, axes: Axes) -> None:
    counts = confusion(predictions.labels, predictions.predicted, len(predictions.classes))
    draw_confusion(axes, counts, predictions.classes, predictions.classes)


def _roc(predictions: RowPredictions, axes: Axes) -> None:
    draw_roc(axes, _one_vs_rest_curves(predictions))


def _precision_recall(predictions: RowPredictions, axes: Axes) -> None:
    draw_precision_recall(axes, _one_vs_rest_curves(predictions))


def _one_vs_rest_curves(predictions: RowPredictions) -> list[Curve]:
    """Return the curve of each class for which there are positive and negative rows."""
    curves = []
    for index, name in enumerate(predictions.classes):
        positive = predictions.labels == index
        if positive.any() and not positive.all():
            curves.append((name, predictions.probabilities[:, index], positive))
    return curves


def _reliability(predictions: RowPredictions, axes: Axes) -> None:
    found = reliability(predictions.labels, predictions.probabilities)
    draw_reliability(axes, found, "confidence", "accuracy")


def _coverage(predictions: RowPredictions, axes: Axes) -> None:
    draw_coverage(axes, predictions.labels, predictions.probabilities)
