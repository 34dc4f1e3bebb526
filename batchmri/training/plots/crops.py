"""Figures of images before and after the crop to the brain box, and of the box quality."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from batchmri.records import CropBox
from batchmri.training.dataset import PreparedImages
from batchmri.training.images import read_image
from batchmri.training.plots.charts import COLORS, new_chart, save_chart
from batchmri.training.plots.contact_sheets import Line, save_sheet, tile_of

_SHOWN = 4
_BINS = np.linspace(0, 1, 41)
_log = logging.getLogger(__name__)


def draw_crops(prepared: PreparedImages, samples: dict[str, list[int]], folder: Path) -> None:
    """Write crops.png, crop_quality.png and crops_doubtful.png, and log the counts of boxes."""
    save_sheet(
        [_before_after(label, prepared, rows[:_SHOWN]) for label, rows in samples.items()],
        folder / "crops.png",
    )
    _quality(prepared, folder / "crop_quality.png")
    doubtful = [
        _before_after(heading, prepared, rows) for heading, rows in _doubtful(prepared) if rows
    ]
    save_sheet(doubtful, folder / "crops_doubtful.png")


def _before_after(heading: str, prepared: PreparedImages, rows: Sequence[int]) -> Line:
    tiles, captions = [], []
    for index in rows:
        image, spacing = read_image(prepared.rows[index])
        x, y, width, height, failed = (int(value) for value in prepared.boxes[index, :5])
        box = CropBox(x, y, width, height, bool(failed))
        tiles += [tile_of(image, spacing, box), tile_of(prepared.images[index])]
        captions += [prepared.rows[index].file.name[-22:], "no box" if failed else ""]
    return Line(heading, tiles, captions)


def _quality(prepared: PreparedImages, path: Path) -> None:
    failed, area = prepared.boxes[:, 4] == 1, _area(prepared)
    labels = np.array([row.label for row in prepared.rows])
    n, found = len(labels), int((~failed).sum())
    summary = f"brain box found in {found} of {n} images ({found / n:.1%})"
    figure, (axes,) = new_chart(1, width=6.5)
    for label, color in zip(sorted(set(labels)), COLORS * len(labels), strict=False):
        own = labels == label
        name = f"{label}: {int((own & failed).sum())} of {int(own.sum())} without box"
        shares = np.histogram(area[own & ~failed], _BINS)[0] / max(1, int(own.sum()))
        axes.stairs(shares, _BINS, color=color, label=name, linewidth=1.5)
        _log.info("%s", name)
    axes.set_title(summary[0].upper() + summary[1:], fontsize=10)
    axes.set_xlabel("area of the brain box, fraction of the image")
    axes.set_ylabel("fraction of the class")
    axes.legend(frameon=False, fontsize=8)
    save_chart(figure, path)
    _log.info("%s", summary)


def _doubtful(prepared: PreparedImages) -> list[tuple[str, list[int]]]:
    """Return headings and rows of images whose box should be inspected."""
    failed = np.flatnonzero(prepared.boxes[:, 4] == 1)
    found = np.flatnonzero(prepared.boxes[:, 4] == 0)
    long = np.abs(np.log(prepared.boxes[found, 2] / prepared.boxes[found, 3]))
    smallest = found[np.argsort(_area(prepared)[found], kind="stable")]
    longest = found[np.argsort(-long, kind="stable")]
    return [
        (f"No box found: {len(failed)} images", _spread(failed)),
        ("Smallest fraction of the image", smallest[:_SHOWN].tolist()),
        ("Least square", longest[:_SHOWN].tolist()),
    ]


def _area(prepared: PreparedImages) -> npt.NDArray[np.float64]:
    _, _, width, height, _, rows, columns = prepared.boxes.T
    share: npt.NDArray[np.float64] = (width * height) / (rows * columns)
    return share


def _spread(rows: npt.NDArray[np.int64]) -> list[int]:
    places = np.unique(np.linspace(0, len(rows) - 1, _SHOWN).round().astype(int))
    return rows[places].tolist() if len(rows) else []
