"""Learning curves: loss and accuracy by epoch."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from batchmri.training.plots.charts import COLORS, new_chart, save_chart

_CURVES = {
    "loss": (("train_loss", "training, augmented"), ("loss", "validation")),
    "accuracy": (("train_accuracy", "training, augmented"), ("accuracy", "validation")),
}


def draw_curves(metrics: Sequence[Mapping[str, str]], folder: Path) -> None:
    """Write curves.png from the rows of metrics.csv.

    The training loss includes label smoothing and the hinge loss on masks, so it can be higher than
    the validation loss.
    """
    figure, axes = new_chart(len(_CURVES))
    best = min(metrics, key=lambda row: float(row["loss"]))
    for each, (what, curves) in zip(axes, _CURVES.items(), strict=True):
        for (column, name), color in zip(curves, COLORS, strict=False):
            points = [row for row in metrics if row.get(column)]
            epochs = [int(row["epoch"]) for row in points]
            values = [float(row[column]) for row in points]
            each.plot(epochs, values, "o-", color=color, markersize=3, label=name)
        each.axvline(int(best["epoch"]), color="0.6", linestyle=":", label="kept")
        each.set_xlabel("epoch")
        each.set_ylabel(what)
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
        each.legend(frameon=False)
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(top=1)
    save_chart(figure, folder / "curves.png")
