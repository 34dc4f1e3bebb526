"""Figures of the training data: class distribution, samples and augmentations."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from batchmri.training.dataset import AugmentedImages
from batchmri.training.plots.charts import COLORS, new_chart, save_chart
from batchmri.training.plots.contact_sheets import Line, save_sheet, tile_of
from batchmri.training.plots.crops import draw_crops
from batchmri.training.table import Row, Split

_PER_LINE = 8


def draw_data(images: AugmentedImages, classes: Sequence[str], folder: Path) -> None:
    """Write the figures of the training data (PNG) to `folder`.

    They are class_distribution, samples, crops, crop_quality, crops_doubtful and augmentations. The
    class distribution covers all rows; the other figures show up to eight train images per class.
    Raises OutputError if a figure cannot be written.
    """
    prepared = images.prepared
    samples = {label: _sample(prepared.rows, label) for label in classes}
    _class_distribution(prepared.rows, classes, folder / "class_distribution.png")
    lines = [
        Line(label, [tile_of(prepared.images[row]) for row in rows], [""] * len(rows))
        for label, rows in samples.items()
    ]
    save_sheet(lines, folder / "samples.png")
    draw_crops(prepared, samples, folder)
    lines = [
        _augmented(label, images, rows[0], images.seed + number * _PER_LINE)
        for number, (label, rows) in enumerate(samples.items())
    ]
    save_sheet(lines, folder / "augmentations.png")


def _sample(rows: Sequence[Row], label: str) -> list[int]:
    """Return evenly spaced train rows of a class."""
    own = [index for index, row in enumerate(rows) if (row.split, row.label) == ("train", label)]
    places = np.unique(np.linspace(0, len(own) - 1, _PER_LINE).round().astype(int))
    return [own[place] for place in places]


def _class_distribution(rows: Sequence[Row], classes: Sequence[str], path: Path) -> None:
    counts = Counter((row.split, row.label) for row in rows)
    splits = [name for name in get_args(Split) if any(split == name for split, _ in counts)]
    figure, (axes,) = new_chart(1, width=max(5.0, 1.3 * len(classes)))
    width = 0.8 / len(splits)
    for place, (split, color) in enumerate(zip(splits, COLORS, strict=False)):
        at = np.arange(len(classes)) + (place - (len(splits) - 1) / 2) * width
        bars = axes.bar(at, [counts[split, label] for label in classes], width * 0.92, color=color)
        axes.bar_label(bars, fontsize=7)
        bars.set_label(f"{split} ({sum(counts[split, label] for label in classes)})")
    axes.set_xticks(range(len(classes)), classes)
    axes.set_ylabel("images")
    figure.legend(loc="outside upper center", ncols=len(splits), frameon=False)
    save_chart(figure, path)


def _augmented(label: str, images: AugmentedImages, row: int, seed: int) -> Line:
    prepared = images.prepared.images[row]
    image = torch.from_numpy(prepared) / 255
    nothing = torch.zeros_like(image)
    tiles = [tile_of(prepared)]
    for draw in range(_PER_LINE - 1):
        changed, _ = images.augmentation(image, nothing, seed + draw)
        tiles.append(tile_of((changed * 255).round().to(torch.uint8).numpy()))
    return Line(label, tiles, ["as prepared", *[""] * (_PER_LINE - 1)])
