"""Matplotlib panels drawn from arrays, and a function that saves them side by side."""

import io
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, from_numpy
from torchmetrics.functional.classification import (
    binary_precision_recall_curve,
    binary_roc,
)

from batchmri.evaluation.calibration import BINS, Reliability
from batchmri.evaluation.coverage import risk_by_coverage
from batchmri.evaluation.intervals import Floats, Ints
from batchmri.outputs.atomic_write import write_atomic

_PANEL_INCHES = 4.6
_DPI = 110
_GRAY = "0.6"
_LINE_STYLES = ("-", "--", "-.", ":")  # keeps overlapping curves visible
Corner = Literal["lower right", "lower left", "upper left"]
Draw = Callable[[Axes], None]
Curve = tuple[str, Floats, npt.NDArray[np.bool_]]
"""Name, scores (n,) and whether each sample is positive (n,)."""


def save_figure(path: Path, title: str, panels: Mapping[str, Draw]) -> None:
    """Write a PNG figure with one panel per title; without panels, delete an earlier file."""
    if not panels:
        path.unlink(missing_ok=True)
        return
    figure = Figure(
        figsize=(_PANEL_INCHES * len(panels), _PANEL_INCHES + 0.5), dpi=_DPI, layout="constrained"
    )
    figure.suptitle(title)
    every = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, draw) in zip(every, panels.items(), strict=True):
        axes.set_title(name, fontsize=10)
        draw(axes)
    content = io.BytesIO()
    # No version or time in the metadata, so that the same data gives the same bytes.
    figure.savefig(content, format="png", metadata={"Software": None})
    write_atomic(path, content.getvalue())


def draw_confusion(axes: Axes, counts: Ints, true: Sequence[str], predicted: Sequence[str]) -> None:
    """Draw a confusion matrix: counts (true, predicted) and their share of the row."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*counts.shape):
        dark = shares[row, column] > 0.5
        axes.text(
            column,
            row,
            f"{counts[row, column]}\n{shares[row, column]:.1%}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if dark else "black",
        )
    axes.set_xticks(range(len(predicted)), predicted, fontsize=8, rotation=20, ha="right")
    axes.set_yticks(range(len(true)), true, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")


def draw_roc(axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw ROC curves: true positive rate by false positive rate."""
    axes.plot([0, 1], [0, 1], color=_GRAY, linestyle=":", linewidth=1)
    for (name, scores, positive), line in zip(curves, cycle(_LINE_STYLES), strict=False):
        false_rate, true_rate, _ = binary_roc(*_tensors(scores, positive))
        axes.plot(false_rate, true_rate, label=name, linestyle=line, linewidth=1.4)
    _format_unit_axes(axes, "false positive rate", "true positive rate", "lower right")


def draw_precision_recall(axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw precision-recall curves."""
    for (name, scores, positive), line in zip(curves, cycle(_LINE_STYLES), strict=False):
        precision, recall, _ = binary_precision_recall_curve(*_tensors(scores, positive))
        axes.plot(recall, precision, label=name, linestyle=line, linewidth=1.4)
    _format_unit_axes(axes, "recall", "precision", "lower left")


def draw_reliability(
    axes: Axes, found: Reliability, x_label: str, y_label: str, what: str = "images"
) -> None:
    """Draw a reliability diagram: observed frequency by predicted probability.

    `what` names the samples in the legend.
    """
    occupied = found.counts > 0
    bin_centers = (np.arange(BINS) + 0.5) / BINS
    share = found.counts / max(int(found.counts.sum()), 1)
    axes.bar(bin_centers, share, 0.9 / BINS, color="0.88", label=f"share of {what}")
    axes.plot([0, 1], [0, 1], color=_GRAY, linestyle=":", linewidth=1)
    area = 12 + 250 * share[occupied]  # the fewer samples, the smaller the point
    axes.scatter(found.confidence[occupied], found.accuracy[occupied], s=area, label=y_label)
    _format_unit_axes(axes, x_label, y_label, "upper left")


def draw_coverage(axes: Axes, labels: Ints, probabilities: Floats, what: str = "images") -> None:
    """Draw the risk-coverage curve: error rate of the most confident samples by their share."""
    coverage, risk = risk_by_coverage(labels, probabilities)
    axes.plot(coverage, risk, linewidth=1.4)
    axes.axhline(risk[-1], color=_GRAY, linestyle=":", linewidth=1, label=f"all {what}")
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, max(float(risk.max()) * 1.1, 0.02))
    axes.set_xlabel(f"coverage: share of {what}, by descending confidence")
    axes.set_ylabel("risk: error rate among these")
    axes.legend(fontsize=8)


def _tensors(scores: Floats, positive: npt.NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
    return from_numpy(scores.copy()), from_numpy(positive.astype(np.int64))


def _format_unit_axes(axes: Axes, x_label: str, y_label: str, legend: Corner) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc=legend)
