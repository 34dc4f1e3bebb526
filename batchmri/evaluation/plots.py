"""The figures of an evaluation of pictures: one panel per subset, side by side."""

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


def write_plots(parts: Mapping[str, RowPredictions], folder: Path) -> None:
    """Write confusion, roc, precision_recall, reliability and coverage (.png) of the subsets."""
    plots: dict[str, tuple[Callable[[RowPredictions, Axes], None], str]] = {
        "confusion": (_confusion, "Confusion matrix"),
        "roc": (_roc, "ROC, each class against all others"),
        "precision_recall": (_precision_recall, "Precision and recall, each class"),
        "reliability": (_reliability, "Reliability"),
        "coverage": (_coverage, "Coverage against risk"),
    }
    for name, (draw, title) in plots.items():
        panels = {
            f"{part}, n = {len(judged.rows)}": partial(draw, judged)
            for part, judged in parts.items()
        }
        save_figure(folder / f"{name}.png", title, panels)


def _confusion(judged: RowPredictions, axes: Axes) -> None:
    counts = confusion(judged.labels, judged.called, len(judged.classes))
    draw_confusion(axes, counts, judged.classes, judged.classes)


def _roc(judged: RowPredictions, axes: Axes) -> None:
    draw_roc(axes, _against_others(judged))


def _precision_recall(judged: RowPredictions, axes: Axes) -> None:
    draw_precision_recall(axes, _against_others(judged))


def _against_others(judged: RowPredictions) -> list[Curve]:
    """Probabilities and truth of each class that some rows are of and others are not."""
    every = []
    for place, name in enumerate(judged.classes):
        own = judged.labels == place
        if own.any() and not own.all():
            every.append((name, judged.probabilities[:, place], own))
    return every


def _reliability(judged: RowPredictions, axes: Axes) -> None:
    found = reliability(judged.labels, judged.probabilities)
    draw_reliability(axes, found, "confidence", "called right")


def _coverage(judged: RowPredictions, axes: Axes) -> None:
    draw_coverage(axes, judged.labels, judged.probabilities)
