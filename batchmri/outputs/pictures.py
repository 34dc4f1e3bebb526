"""Overlays and montages, drawn with OpenCV; the same input produces the same bytes.

Slices must already be oriented for display: nothing is flipped or rotated here.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from batchmri.gray_levels import percentiles, stretched
from batchmri.outputs import drawing as canvas
from batchmri.outputs.captions import Caption
from batchmri.outputs.drawing import BOLD, DIM, Color, Image
from batchmri.records import FloatArray, Plane

_PANEL = 384
_MARGIN = 12
_HEADER_HEIGHT = 62
_FOOT = 52
_TILE_FOOT = 26  # height of the caption of a tile; the montage has the rest of it once
_BAR_LEFT = 3 * _MARGIN + 2 * _PANEL
_COLOR_BAR_WIDTH = 14
_WIDTH = _BAR_LEFT + _COLOR_BAR_WIDTH + 40
_HEIGHT = _HEADER_HEIGHT + _PANEL + _FOOT
_TILE = _HEADER_HEIGHT + _PANEL + _TILE_FOOT
_LEFTS = (_MARGIN, 2 * _MARGIN + _PANEL)
_WINDOW_PERCENTILES = (1.0, 99.0)
_COLORMAP_START, _MAX_OPACITY, _OPACITY_EXPONENT = 0.2, 0.65, 0.6
_FRAME = 3
_CONTOUR_FROM = 0.2  # fainter heat maps have no contour
_CONTOUR: Color = (255, 255, 255)
_BARS_MM = (100, 50, 20, 10, 5, 2, 1)
_PAGE = (0.707, 1.0)  # A4
_NOTE = "Research use only"
DECIDING = "deciding slice"
"""Label that marks a deciding slice, together with a frame."""
# Letters at left, right, top and bottom of a displayed slice; oblique slices have none.
_EDGE_LETTERS: dict[Plane, tuple[str, str, str, str]] = {
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "S", "I"),
    "sagittal": ("A", "P", "S", "I"),
}


def overlay(
    image: FloatArray,
    heat: FloatArray | None,
    scale: float,
    spacing: tuple[float, float] | None,
    caption: Caption,
) -> bytes:
    """Draw the slice next to the slice with its heat map, as PNG; without `heat`, the slice alone.

    `image` and `heat` are (rows, columns) as displayed; `spacing` is in mm (between rows, between
    columns), None if unknown: then pixels are drawn square, without a scale bar. Heat values of at
    least `scale` are drawn at full strength; 0 leaves the anatomy unchanged. A contour surrounds
    the region with at least half of the highest value in the slice.
    """
    size = _panel_size(image.shape, spacing or (1.0, 1.0))
    gray = resized_gray(image, size)
    plain = np.stack([gray, gray, gray], axis=-1)
    panels = [plain]
    drawn = canvas.black(_HEIGHT, _WIDTH)
    if heat is not None:
        strength = np.clip(cv2.resize(heat, size) / max(scale, 1e-9), 0, 1, dtype=np.float32)
        panels.append(_with_contour(heated(plain, strength), strength))
        _draw_color_bar(drawn)
    for panel, left in zip(panels, _LEFTS, strict=False):
        canvas.place(drawn, panel, *_centered(size, left))
        _draw_edge_letters(drawn, left, caption.plane)
        if caption.deciding:
            canvas.frame(drawn, (left, _HEADER_HEIGHT), (_PANEL, _PANEL), _FRAME)
    if spacing is not None:
        _draw_scale_bar(drawn, size[0] / (image.shape[1] * spacing[1]))
    _draw_caption(drawn, caption)
    return canvas.png(drawn)


def montage(pictures: Sequence[bytes], lines: Sequence[str]) -> bytes:
    """Arrange overlays (PNG) of one study in a grid below lines of text, as PNG.

    The first line is the verdict of the study. The grid is as large as possible on a page of A4,
    upright or sideways.
    """
    tiles = [_decoded(picture)[:_TILE] for picture in pictures]
    columns = _grid_columns(len(tiles))
    head = 44 + 24 * len(lines)
    height = head + -(-len(tiles) // columns) * _TILE
    width = columns * _WIDTH
    drawn = canvas.black(height, width)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        canvas.place(drawn, tile, head + row * _TILE, column * _WIDTH)
    canvas.text(drawn, lines[0], (_MARGIN, 32), 26, weight=BOLD)
    for number, line in enumerate(lines[1:], 1):
        shown = canvas.shortened(line, width - 2 * _MARGIN, 16)
        canvas.text(drawn, shown, (_MARGIN, 32 + 24 * number), 16, DIM)
    canvas.text(drawn, _NOTE, (_MARGIN, 32 + 24 * len(lines)), 16, DIM)
    drawn[head - 2 : head] = 70
    return canvas.png(drawn)


def _grid_columns(n: int) -> int:
    """Columns of a grid of `n` tiles that fills a page best; the fewest of a tie."""

    def scale(columns: int) -> float:
        width, height = columns * _WIDTH, -(-n // columns) * _TILE
        (short, long) = _PAGE
        return max(min(short / width, long / height), min(long / width, short / height))

    return max(range(1, n + 1), key=lambda columns: (scale(columns), -columns))


def _panel_size(shape: tuple[int, ...], spacing: tuple[float, float]) -> tuple[int, int]:
    height, width = shape[0] * spacing[0], shape[1] * spacing[1]
    scale = _PANEL / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _centered(size: tuple[int, int], left: int) -> tuple[int, int]:
    return _HEADER_HEIGHT + (_PANEL - size[1]) // 2, left + (_PANEL - size[0]) // 2


def resized_gray(image: FloatArray, size: tuple[int, int]) -> Image:
    """A slice (rows, columns) as 8-bit gray levels, resized to `size` (width, height)."""
    smaller = size[0] < image.shape[1] or size[1] < image.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    low, high = percentiles(image, _WINDOW_PERCENTILES)
    gray = cv2.resize(image, size, interpolation=method)
    return stretched(gray, low, high).astype(np.uint8)


def heated(plain: Image, strength: FloatArray) -> Image:
    """Blend an image (rows, columns, 3) with heat of strength 0 to 1 (rows, columns)."""
    blended = plain.copy()
    left, top, width, height = cv2.boundingRect((strength > 0).astype(np.uint8))
    warm = slice(top, top + height), slice(left, left + width)
    if width:
        share = (_MAX_OPACITY * strength[warm] ** _OPACITY_EXPONENT)[..., None]
        blended[warm] = np.rint(plain[warm] * (1 - share) + heat_colors(strength[warm]) * share)
    return blended


def heat_colors(strength: FloatArray) -> Image:
    """The colors (rows, columns, 3) of heat of strength 0 to 1 (rows, columns)."""
    # Skip the black end of the colormap: it would darken the anatomy where heat is faint.
    level = 255 * (_COLORMAP_START + (1 - _COLORMAP_START) * strength)
    return cv2.applyColorMap(level.astype(np.uint8), cv2.COLORMAP_INFERNO).astype(np.uint8)


def _with_contour(panel: Image, strength: FloatArray) -> Image:
    highest = float(strength.max())
    if highest < _CONTOUR_FROM:
        return panel
    region = (strength >= highest / 2).astype(np.uint8)
    contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(panel, contours, -1, _CONTOUR, 1)
    return panel


def _draw_scale_bar(drawn: Image, pixels_per_mm: float) -> None:
    """Draw a bar of the largest length that fits a third of the panel."""
    length = next((mm for mm in _BARS_MM if mm * pixels_per_mm <= _PANEL / 3), None)
    if length is None:
        return
    left, bottom = _LEFTS[0] + 12, _HEADER_HEIGHT + _PANEL - 12
    right = left + round(length * pixels_per_mm)
    cv2.rectangle(drawn, (left - 1, bottom - 3), (right + 1, bottom + 1), (0, 0, 0), -1)
    cv2.rectangle(drawn, (left, bottom - 2), (right, bottom), canvas.BRIGHT, -1)
    words = f"{length} mm"
    middle = left + canvas.text_width(words, 13, BOLD) // 2
    canvas.outlined(drawn, words, (middle, bottom - 11), 13)


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
    ramp = np.linspace(1, 0, height, dtype=np.float32)[:, None].repeat(_COLOR_BAR_WIDTH, axis=1)
    ground = np.full((height, _COLOR_BAR_WIDTH, 3), 110, np.uint8)
    canvas.place(drawn, heated(ground, ramp), top, _BAR_LEFT)
    for label, y in (("1", top), ("0.5", top + height // 2), ("0", top + height)):
        canvas.text(drawn, label, (_BAR_LEFT + _COLOR_BAR_WIDTH + 6, y + 5), 14, DIM)


def _draw_caption(drawn: Image, caption: Caption) -> None:
    left, right = _LEFTS
    where = f"slice {caption.slice_number} of {caption.n_slices}"
    if caption.plane:
        where = f"{caption.plane}, {where}"
    if caption.deciding:
        where += f", {DECIDING}"
    drawn_for = f"Grad-CAM, {caption.heat_of}" if caption.heat_of else "no heat map"
    canvas.text(drawn, caption.series.title, (left, 27), 23, weight=BOLD)
    canvas.text(drawn, where, (left, 52), 16, DIM)
    canvas.text(drawn, "; ".join(filter(None, (drawn_for, caption.note))), (right, 52), 16, DIM)
    width = _WIDTH - 2 * _MARGIN
    first, second = _HEADER_HEIGHT + _PANEL + 20, _HEIGHT - 12
    canvas.text(drawn, canvas.shortened(caption.series.where, width, 14), (left, first), 14, DIM)
    width -= canvas.text_width(_NOTE, 13) + 2 * _MARGIN
    canvas.text(drawn, canvas.shortened(caption.series.notes, width, 13), (left, second), 13, DIM)
    canvas.text_right(drawn, _NOTE, (_WIDTH - _MARGIN, second), 13, DIM)


def _decoded(picture: bytes) -> Image:
    tile = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert tile is not None
    return tile.astype(np.uint8, copy=False)
