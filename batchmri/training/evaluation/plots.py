"""The figures of an evaluation, drawn with matplotlib: one panel per subset, side by side."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import from_numpy
from torchmetrics.functional.classification import (
    binary_precision_recall_curve,
    binary_roc,
)

from batchmri.report import write_atomic
from batchmri.training.evaluation.asked import Judged
from batchmri.training.evaluation.calibration import BINS, reliability
from batchmri.training.evaluation.coverage import risk_by_coverage
from batchmri.training.evaluation.scores import confusion

_SIDE = 4.6  # inches of a panel
_DPI = 110
_GREY = "0.6"
Corner = Literal["lower right", "lower left", "upper left"]
Draw = Callable[[Axes, Judged], None]


def write_plots(parts: Mapping[str, Judged], folder: Path) -> None:
    """Write confusion, roc, precision_recall, reliability and coverage (.png) of the subsets."""
    plots: dict[str, tuple[Draw, str]] = {
        "confusion": (_confusion, "Confusion matrix"),
        "roc": (_roc, "ROC, each class against all others"),
        "precision_recall": (_precision_recall, "Precision and recall, each class"),
        "reliability": (_reliability, "Reliability"),
        "coverage": (_coverage, "Coverage against risk"),
    }
    for name, (draw, title) in plots.items():
        write_atomic(folder / f"{name}.png", _png(parts, draw, title))


def _png(parts: Mapping[str, Judged], draw: Draw, title: str) -> bytes:
    figure = Figure(figsize=(_SIDE * len(parts), _SIDE + 0.5), dpi=_DPI, layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    for axes, (name, judged) in zip(panels, parts.items(), strict=True):
        axes.set_title(f"{name}, n = {len(judged.rows)}", fontsize=10)
        draw(axes, judged)
    content = io.BytesIO()
    # Neither version nor time: the same figures give the same bytes.
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _confusion(axes: Axes, judged: Judged) -> None:
    counts = confusion(judged.labels, judged.called, len(judged.classes))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
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
    places = range(len(judged.classes))
    axes.set_xticks(places, judged.classes, fontsize=8, rotation=20, ha="right")
    axes.set_yticks(places, judged.classes, fontsize=8)
    axes.set_xlabel("called")
    axes.set_ylabel("true")


def _roc(axes: Axes, judged: Judged) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", linewidth=1)
    for name, scores, own in _against_others(judged):
        false_rate, true_rate, _ = binary_roc(scores, own)
        axes.plot(false_rate, true_rate, label=name, linewidth=1.4)
    _unit_square(axes, "false positive rate", "true positive rate", "lower right")


def _precision_recall(axes: Axes, judged: Judged) -> None:
    for name, scores, own in _against_others(judged):
        precision, recall, _ = binary_precision_recall_curve(scores, own)
        axes.plot(recall, precision, label=name, linewidth=1.4)
    _unit_square(axes, "recall", "precision", "lower left")


def _against_others(judged: Judged) -> list[tuple[str, Any, Any]]:
    """Name, probabilities and truth of each class that some rows are of and others are not."""
    every = []
    for place, name in enumerate(judged.classes):
        own = judged.labels == place
        if own.any() and not own.all():
            scores = from_numpy(judged.probabilities[:, place].copy())
            every.append((name, scores, from_numpy(own.astype(np.int64))))
    return every


def _reliability(axes: Axes, judged: Judged) -> None:
    found = reliability(judged.labels, judged.probabilities)
    some = found.counts > 0
    middles = (np.arange(BINS) + 0.5) / BINS
    share = found.counts / max(int(found.counts.sum()), 1)
    axes.bar(middles, share, 0.9 / BINS, color="0.88", label="share of pictures")
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", linewidth=1)
    area = 12 + 250 * share[some]  # a point of few pictures says little
    axes.scatter(found.confidence[some], found.accuracy[some], s=area, label="called right")
    _unit_square(axes, "confidence", "called right", "upper left")


def _coverage(axes: Axes, judged: Judged) -> None:
    coverage, risk = risk_by_coverage(judged.labels, judged.probabilities)
    axes.plot(coverage, risk, linewidth=1.4)
    axes.axhline(risk[-1], color=_GREY, linestyle=":", linewidth=1, label="all pictures")
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, max(float(risk.max()) * 1.1, 0.02))
    axes.set_xlabel("coverage: share of pictures called, the surest first")
    axes.set_ylabel("risk: share of these called wrong")
    axes.legend(fontsize=8)


def _unit_square(axes: Axes, across: str, up: str, legend: Corner) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc=legend)
