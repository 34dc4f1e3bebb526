"""Contact sheets: rows of image tiles with headings and captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.outputs import drawing as canvas
from batchmri.outputs.atomic_write import write_atomic
from batchmri.records import CropBox

_TILE, _GAP, _HEADER_HEIGHT, _CAPTION = 128, 8, 26, 18
_BOX: canvas.Color = (80, 200, 255)
_STRETCH = (0.5, 99.5)  # percentiles mapped to black and white


@dataclass(frozen=True, slots=True)
class Line:
    """A row of tiles with captions, under a heading."""

    heading: str
    tiles: Sequence[canvas.Image]
    captions: Sequence[str]


def save_sheet(lines: Sequence[Line], path: Path) -> None:
    """Write a PNG, or remove the file of an earlier run if there are no lines."""
    if not lines:
        path.unlink(missing_ok=True)
        return
    height = _HEADER_HEIGHT + _TILE + _CAPTION + _GAP
    columns = max(4, *(len(line.tiles) for line in lines))
    sheet = canvas.black(height * len(lines), columns * (_TILE + _GAP) + _GAP)
    for number, line in enumerate(lines):
        top = number * height
        canvas.text(sheet, line.heading, (_GAP, top + 18), 14)
        for column, (tile, caption) in enumerate(zip(line.tiles, line.captions, strict=True)):
            left = _GAP + column * (_TILE + _GAP)
            canvas.place(sheet, tile, top + _HEADER_HEIGHT, left)
            below = (left, top + _HEADER_HEIGHT + _TILE + 14)
            canvas.text(sheet, caption, below, 11, canvas.DIM)
    write_atomic(path, canvas.png(sheet))


def tile_of(
    image: npt.NDArray[Any],
    spacing: tuple[float, float] = (1.0, 1.0),
    box: CropBox | None = None,
    side: int = _TILE,
) -> canvas.Image:
    """Return an image (rows, columns) of any gray levels as a square tile of `side` pixels.

    `spacing` is (row, column); only the ratio matters. If `box` is not None, it is outlined.
    """
    low, high = np.percentile(image, _STRETCH) if image.dtype != np.uint8 else (0, 255)
    scaled = (image.astype(np.float32) - low) * (255 / max(float(high - low), 1e-6))
    scale = side / max(image.shape[0] * spacing[0], image.shape[1] * spacing[1])
    down, across = scale * spacing[0], scale * spacing[1]
    size = (max(1, round(image.shape[1] * across)), max(1, round(image.shape[0] * down)))
    smaller = size[0] < image.shape[1] or size[1] < image.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    small = cv2.resize(np.clip(scaled, 0, 255).astype(np.uint8), size, interpolation=method)
    shown = np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR), np.uint8)
    if box is not None:
        corner = (round(box.x * across), round(box.y * down))
        end = (round((box.x + box.width) * across) - 1, round((box.y + box.height) * down) - 1)
        cv2.rectangle(shown, corner, end, _BOX, 1)
    tile = canvas.black(side, side)
    canvas.place(tile, shown, (side - size[1]) // 2, (side - size[0]) // 2)
    return tile
