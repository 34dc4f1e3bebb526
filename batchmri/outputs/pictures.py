"""Overlays and montages, drawn with OpenCV; the same input produces the same bytes.

Slices must already be oriented for display: nothing is flipped or rotated here.
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
_HEADER_HEIGHT = 62
_BAR_LEFT = 3 * _MARGIN + 2 * _PANEL
_BAR = 14
_WIDTH = _BAR_LEFT + _BAR + 40
_HEIGHT = _HEADER_HEIGHT + _PANEL + 2 * _MARGIN
_LEFTS = (_MARGIN, 2 * _MARGIN + _PANEL)
_WINDOW_PERCENTILES = (1.0, 99.0)
_COLORMAP_START, _MAX_OPACITY, _OPACITY_EXPONENT = 0.2, 0.65, 0.6
_FRAME = 3
_NOTE = "Research use only"
DECIDING = "deciding slice"
"""Label that marks a deciding slice, together with a frame."""
# Letters at left, right, top and bottom of a displayed slice; oblique slices have none.
_EDGE_LETTERS: dict[Plane, tuple[str, str, str, str]] = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "S", "I"),
    "sagittal": ("A", "P", "S", "I"),
}


@dataclass(frozen=True, slots=True)
class Caption:
    """Caption of an overlay; it contains no text from headers.

    `title` is the verdict, `note` a remark on it. `heat_of` is the class of the heat map, empty if
    there is none. `slice_number` counts from 1. `deciding` is set for deciding slices.
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
    """Draw the slice next to the slice with its heat map, as PNG; without `heat`, the slice alone.

    `picture` and `heat` are (rows, columns) as displayed; `spacing` is in mm (between rows, between
    columns). Heat values of at least `scale` are drawn at full strength; 0 leaves the anatomy
    unchanged.
    """
    size = _panel_size(picture.shape, spacing)
    gray = _resized_gray(picture, size)
    plain = np.stack([gray, gray, gray], axis=-1)
    panels = [plain]
    drawn = canvas.black(_HEIGHT, _WIDTH)
    if heat is not None:
        strength = np.clip(cv2.resize(heat, size) / max(scale, 1e-9), 0, 1, dtype=np.float32)
        panels.append(heated(plain, strength))
        _draw_color_bar(drawn)
    for panel, left in zip(panels, _LEFTS, strict=False):
        canvas.place(drawn, panel, *_centered(size, left))
        _draw_edge_letters(drawn, left, caption.plane)
        if caption.deciding:
            canvas.frame(drawn, (left, _HEADER_HEIGHT), (_PANEL, _PANEL), _FRAME)
    _draw_caption(drawn, caption)
    return canvas.png(drawn)


def montage(pictures: Sequence[bytes], lines: Sequence[str]) -> bytes:
    """Arrange overlays (PNG) of one study in a grid below lines of text, as PNG.

    The first line is the verdict of the study.
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


def _centered(size: tuple[int, int], left: int) -> tuple[int, int]:
    return _HEADER_HEIGHT + (_PANEL - size[1]) // 2, left + (_PANEL - size[0]) // 2


def _resized_gray(picture: FloatArray, size: tuple[int, int]) -> Image:
    smaller = size[0] < picture.shape[1] or size[1] < picture.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    low, high = np.percentile(picture, _WINDOW_PERCENTILES)
    gray = cv2.resize(picture, size, interpolation=method) - np.float32(low)
    window: Image = np.clip(gray * (255 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    return window


def heated(plain: Image, strength: FloatArray) -> Image:
    """Blend an image (rows, columns, 3) with heat of strength 0 to 1 (rows, columns)."""
    # Skip the black end of the colormap, with which faint heat would darken the anatomy.
    level = 255 * (_COLORMAP_START + (1 - _COLORMAP_START) * strength)
    color = cv2.applyColorMap(level.astype(np.uint8), cv2.COLORMAP_INFERNO)
    share = (_MAX_OPACITY * strength**_OPACITY_EXPONENT)[..., None]
    blended: Image = np.rint(plain * (1 - share) + color * share).astype(np.uint8)
    return blended


def _draw_edge_letters(drawn: Image, left: int, plane: Plane) -> None:
    middle, inset = _PANEL // 2, 12
    places = ((inset, middle), (_PANEL - inset, middle), (middle, inset), (middle, _PANEL - inset))
    if plane not in _EDGE_LETTERS:
        return
    for letter, (x, y) in zip(_EDGE_LETTERS[plane], places, strict=True):
        canvas.outlined(drawn, letter, (left + x, _HEADER_HEIGHT + y), 16)


def _draw_color_bar(drawn: Image) -> None:
    # Drawn over medium gray, to show the blended colors from no heat to full strength.
    top, height = _HEADER_HEIGHT + 40, _PANEL - 80
    ramp = np.linspace(1, 0, height, dtype=np.float32)[:, None].repeat(_BAR, axis=1)
    ground = np.full((height, _BAR, 3), 110, np.uint8)
    canvas.place(drawn, heated(ground, ramp), top, _BAR_LEFT)
    for label, y in (("1", top), ("0.5", top + height // 2), ("0", top + height)):
        canvas.text(drawn, label, (_BAR_LEFT + _BAR + 6, y + 5), 14, DIM)


def _draw_caption(drawn: Image, caption: Caption) -> None:
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
