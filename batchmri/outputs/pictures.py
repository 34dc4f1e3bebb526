"""Overlays and montages, drawn with OpenCV: the same input gives the same bytes.

Nothing is mirrored or turned here: a slice is drawn as it comes, which is as displayed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from batchmri.outputs import drawing as canvas
from batchmri.outputs.drawing import BOLD, DIM, Image
from batchmri.records import FloatArray, Plane

_PANEL = 384
_MARGIN = 12
_HEAD = 62
_BAR_LEFT = 3 * _MARGIN + 2 * _PANEL
_BAR = 14
_WIDTH = _BAR_LEFT + _BAR + 40
_HEIGHT = _HEAD + _PANEL + 2 * _MARGIN
_LEFTS = (_MARGIN, 2 * _MARGIN + _PANEL)
_WINDOW = (1.0, 99.0)
_FIRST_COLOUR, _STRONGEST, _RISE = 0.2, 0.65, 0.6
_FRAME = 3
_NOTE = "Research use only"
DECIDING = "deciding slice"
"""The words that, with a frame, mark one of the slices that decided."""
# Left, right, top, bottom of a slice as a viewer shows it; an oblique one has no such letters.
_EDGES: dict[Plane, tuple[str, str, str, str]] = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "S", "I"),
    "sagittal": ("A", "P", "S", "I"),
}


@dataclass(frozen=True, slots=True)
class Caption:
    """The words around an overlay; no header text has a place here.

    `title` is the verdict, `note` what has to be said of it; `heat_of` is the class whose heat map
    is drawn, empty for none; `deciding` marks one of the slices that decided. `slice_number` counts
    from 1.
    """

    title: str
    note: str
    heat_of: str
    slice_number: int
    n_slices: int
    plane: Plane
    deciding: bool = False


def overlay(
    picture: FloatArray,
    heat: FloatArray | None,
    scale: float,
    spacing: tuple[float, float],
    caption: Caption,
) -> bytes:
    """The slice beside the slice with its heat map, as PNG; without heat, the slice alone.

    `picture` and `heat` are (rows, columns) as displayed, `spacing` millimetres between rows and
    between columns; heat of `scale` is drawn at full strength, none leaves plain anatomy.
    """
    size = _panel_size(picture.shape, spacing)
    grey = _resized_grey(picture, size)
    plain = np.stack([grey, grey, grey], axis=-1)
    panels = [plain]
    drawn = canvas.black(_HEIGHT, _WIDTH)
    if heat is not None:
        strength = np.clip(cv2.resize(heat, size) / max(scale, 1e-9), 0, 1, dtype=np.float32)
        panels.append(heated(plain, strength))
        _colour_bar(drawn)
    for panel, left in zip(panels, _LEFTS, strict=False):
        canvas.place(drawn, panel, *_centred(size, left))
        _letters(drawn, left, caption.plane)
        if caption.deciding:
            canvas.frame(drawn, (left, _HEAD), (_PANEL, _PANEL), _FRAME)
    _caption(drawn, caption)
    return canvas.png(drawn)


def montage(pictures: Sequence[bytes], lines: Sequence[str]) -> bytes:
    """Overlays (PNG) of one study in a grid, below lines of text, as PNG.

    The first line is the study's verdict.
    """
    tiles = [_decoded(picture) for picture in pictures]
    columns = max(1, round(math.sqrt(len(tiles) * _HEIGHT / _WIDTH)))
    head = 44 + 24 * (len(lines) - 1)
    height = head + -(-len(tiles) // columns) * _HEIGHT
    drawn = canvas.black(height, columns * _WIDTH)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        canvas.place(drawn, tile, head + row * _HEIGHT, column * _WIDTH)
    canvas.text(drawn, lines[0], (_MARGIN, 32), 26, weight=BOLD)
    for number, line in enumerate(lines[1:], 1):
        canvas.text(drawn, line, (_MARGIN, 32 + 24 * number), 16, DIM)
    drawn[head - 2 : head] = 70
    return canvas.png(drawn)


def _panel_size(shape: tuple[int, ...], spacing: tuple[float, float]) -> tuple[int, int]:
    height, width = shape[0] * spacing[0], shape[1] * spacing[1]
    scale = _PANEL / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _centred(size: tuple[int, int], left: int) -> tuple[int, int]:
    return _HEAD + (_PANEL - size[1]) // 2, left + (_PANEL - size[0]) // 2


def _resized_grey(picture: FloatArray, size: tuple[int, int]) -> Image:
    smaller = size[0] < picture.shape[1] or size[1] < picture.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    low, high = np.percentile(picture, _WINDOW)
    grey = cv2.resize(picture, size, interpolation=method) - np.float32(low)
    window: Image = np.clip(grey * (255 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    return window


def heated(plain: Image, strength: FloatArray) -> Image:
    """A picture (rows, columns, 3) below heat of a strength from 0 to 1 (rows, columns)."""
    # Not from the map's black end on: faint heat would darken anatomy.
    level = 255 * (_FIRST_COLOUR + (1 - _FIRST_COLOUR) * strength)
    colour = cv2.applyColorMap(level.astype(np.uint8), cv2.COLORMAP_INFERNO)
    share = (_STRONGEST * strength**_RISE)[..., None]
    blended: Image = np.rint(plain * (1 - share) + colour * share).astype(np.uint8)
    return blended


def _letters(drawn: Image, left: int, plane: Plane) -> None:
    middle, inset = _PANEL // 2, 12
    places = ((inset, middle), (_PANEL - inset, middle), (middle, inset), (middle, _PANEL - inset))
    if plane not in _EDGES:
        return
    for letter, (x, y) in zip(_EDGES[plane], places, strict=True):
        canvas.outlined(drawn, letter, (left + x, _HEAD + y), 16)


def _colour_bar(drawn: Image) -> None:
    # Over middle grey: the colours that are seen, from none to full.
    top, height = _HEAD + 40, _PANEL - 80
    ramp = np.linspace(1, 0, height, dtype=np.float32)[:, None].repeat(_BAR, axis=1)
    ground = np.full((height, _BAR, 3), 110, np.uint8)
    canvas.place(drawn, heated(ground, ramp), top, _BAR_LEFT)
    for label, y in (("1", top), ("0.5", top + height // 2), ("0", top + height)):
        canvas.text(drawn, label, (_BAR_LEFT + _BAR + 6, y + 5), 14, DIM)


def _caption(drawn: Image, caption: Caption) -> None:
    left, right = _LEFTS
    where = f"slice {caption.slice_number} of {caption.n_slices}"
    if caption.plane:
        where = f"{caption.plane}, {where}"
    if caption.deciding:
        where += f", {DECIDING}"
    drawn_for = f"Grad-CAM, {caption.heat_of}" if caption.heat_of else "no heat map"
    canvas.text(drawn, caption.title, (left, 27), 23, weight=BOLD)
    canvas.text(drawn, where, (left, 52), 16, DIM)
    canvas.text(drawn, "; ".join(filter(None, (drawn_for, caption.note))), (right, 52), 16, DIM)
    canvas.text_right(drawn, _NOTE, (_WIDTH - _MARGIN, _HEIGHT - 7), 13, DIM)


def _decoded(picture: bytes) -> Image:
    tile = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert tile is not None
    return tile.astype(np.uint8, copy=False)
