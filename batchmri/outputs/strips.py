"""Image strips of a series for the HTML report: its slices, their heat, and a thumbnail.

A strip stacks equal cells vertically, so that one file serves a slider without a server. Heat maps
keep the resolution of the class maps: the browser interpolates them over the brain box, as
`preparation.heatmap_projection` does for the pictures.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from batchmri.outputs.drawing import Image
from batchmri.outputs.pictures import heat_colors, heated, resized_gray
from batchmri.records import CropBox, FloatArray, Scores, Series, Verdict

MAX_SLICES = 32
"""Maximum number of slices in a strip, unless there are more deciding slices."""
_SIDE = 256
_THUMBNAIL = 96
_JPEG_QUALITY = 85
_MAX_OPACITY, _OPACITY_EXPONENT = 0.9, 0.6
Box = tuple[float, float, float, float]
"""Left, top, width and height as fractions."""


@dataclass(frozen=True, slots=True)
class Strips:
    """The encoded strips of a series; `heat` is None for a series without heat maps."""

    slices: bytes
    heat: bytes | None
    thumbnail: bytes


def strip_slices(scores: Sequence[Scores], verdict: Verdict) -> tuple[int, ...]:
    """Indices of the slices in the strips, ascending: the deciding ones and evenly spaced others.

    They depend only on the arguments, so that no list of them has to be stored with a strip.
    """
    indices = sorted(s.ref.index for s in scores)
    if len(indices) <= MAX_SLICES:
        return tuple(indices)
    free = max(0, MAX_SLICES - len(verdict.deciding))
    spread = np.linspace(0, len(indices) - 1, free).round().astype(int).tolist()
    return tuple(sorted({*verdict.deciding, *(indices[i] for i in spread)}))


def cell_size(series: Series) -> tuple[int, int]:
    """Width and height of a slice in its strip, in pixels, with square pixels."""
    rows, columns = series.rows, series.columns
    if series.display.transpose:
        rows, columns = columns, rows
    row_mm, column_mm = series.shown_spacing
    height, width = max(rows, 1) * row_mm, max(columns, 1) * column_mm
    scale = _SIDE / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def draw_strips(
    series: Series,
    pixels: Sequence[FloatArray],
    strengths: Sequence[FloatArray] | None,
    first: int,
    first_heat: FloatArray | None,
) -> Strips:
    """Draw slices (rows, columns) as displayed, and heat maps (h, w) of strength 0 to 1.

    The thumbnail shows the slice at `first`, with `first_heat` (rows, columns) unless it is None.
    """
    size = cell_size(series)
    cells = [resized_gray(slice_, size) for slice_ in pixels]
    return Strips(
        slices=_encoded(".jpg", np.concatenate(cells)),
        heat=None if strengths is None else _heat_strip(strengths),
        thumbnail=_thumbnail(cells[first], first_heat),
    )


def heat_box(series: Series, box: CropBox) -> tuple[Box, Box]:
    """The brain box within its slice, and the square of the heat map relative to the brain box.

    The square spans the longer side of the box and is centered on it (`preparation.transforms`).
    """
    rows, columns = series.rows, series.columns
    if series.display.transpose:
        rows, columns = columns, rows
    row_mm, column_mm = series.shown_spacing
    height, width = box.height * row_mm, box.width * column_mm
    side = max(height, width)
    across, down = side / width, side / height
    inside = (box.x / columns, box.y / rows, box.width / columns, box.height / rows)
    return inside, ((1 - across) / 2, (1 - down) / 2, across, down)


def png_size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG from its first bytes; 0, 0 if it is not a PNG. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(24)
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n":
        return 0, 0
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _heat_strip(strengths: Sequence[FloatArray]) -> bytes:
    """Cells with a border of one repeated pixel, because the browser interpolates across edges."""
    cells = [np.pad(strength, 1, mode="edge") for strength in strengths]
    strength = np.clip(np.concatenate(cells), 0, 1).astype(np.float32)
    alpha = np.rint(255 * _MAX_OPACITY * strength**_OPACITY_EXPONENT).astype(np.uint8)
    return _encoded(".png", np.dstack([heat_colors(strength), alpha]).astype(np.uint8))


def _thumbnail(cell: Image, heat: FloatArray | None) -> bytes:
    scale = _THUMBNAIL / max(cell.shape)
    size = max(1, round(cell.shape[1] * scale)), max(1, round(cell.shape[0] * scale))
    gray = cv2.resize(cell, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    if heat is None:
        return _encoded(".jpg", gray)
    strength = np.clip(cv2.resize(heat, size), 0, 1).astype(np.float32)
    return _encoded(".jpg", heated(np.dstack([gray, gray, gray]), strength))


def _encoded(kind: str, image: Image) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if kind == ".jpg" else []
    done, encoded = cv2.imencode(kind, image, options)
    assert done
    return encoded.tobytes()
