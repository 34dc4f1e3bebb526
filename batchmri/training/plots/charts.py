"""Style and byte-identical storage of charts."""

from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from batchmri.outputs.atomic_write import write_atomic

# Palette of Okabe and Ito, suitable for most people with color vision deficiency.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")


def new_chart(n_axes: int, width: float = 5.0, height: float = 3.6) -> tuple[Figure, list[Axes]]:
    """Create a figure with axes side by side; `width` and `height` of each are in inches."""
    figure = Figure(figsize=(width * n_axes, height), dpi=120, layout="constrained")
    axes = [figure.add_subplot(1, n_axes, place + 1) for place in range(n_axes)]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(axis="y", alpha=0.3)
        each.set_axisbelow(True)
    return figure, axes


def save_chart(figure: Figure, path: Path) -> None:
    """Write a PNG atomically."""
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    write_atomic(path, content.getvalue())
