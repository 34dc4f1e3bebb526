"""Overlays and montages, drawn with OpenCV: the same input gives the same bytes."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.records import FloatArray, Plane

Image = npt.NDArray[np.uint8]

_PANEL = 384
_STRIP = 56
_GAP = 8
_BAR = 14
_BAR_MARGIN = 44
_TEXT = (235, 235, 235)
_DIM = (150, 150, 150)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WINDOW = (1.0, 99.5)
_STRONGEST = 0.6
_NOTE = "Research use only"
# Left, right, top, bottom of a slice as displayed (DICOM PS3.3 C.7.6.1.1.1 names the directions).
_LETTERS: dict[Plane, str] = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}


@dataclass(frozen=True, slots=True)
class Caption:
    """What stands above an overlay; `slice_number` counts from 1."""

    name: str
    probability: float
    slice_number: int
    n_slices: int
    plane: Plane


def overlay(
    picture: FloatArray,
    heat: FloatArray,
    scale: float,
    spacing: tuple[float, float],
    caption: Caption,
) -> bytes:
    """The slice beside the slice with its heat map, as PNG.

    `picture` and `heat` are (rows, columns) as displayed, `spacing` millimetres between rows and
    between columns; heat of `scale` is drawn at full strength, none leaves plain anatomy.
    """
    size = _panel_size(picture.shape, spacing)
    grey = cv2.cvtColor(_resized(_grey(picture), size), cv2.COLOR_GRAY2BGR)
    strength = np.clip(_resized(heat, size) / max(scale, 1e-9), 0, 1).astype(np.float32)
    colour = cv2.applyColorMap((strength * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    share = (_STRONGEST * np.sqrt(strength))[..., None]
    blended = (grey * (1 - share) + colour * share).astype(np.uint8)
    canvas = np.zeros((_STRIP + _PANEL, 2 * _PANEL + _GAP + _BAR_MARGIN, 3), np.uint8)
    _place(canvas, grey, 0)
    _place(canvas, blended, _PANEL + _GAP)
    _letters(canvas, caption.plane)
    _colour_bar(canvas)
    _write(canvas, f"{caption.name}  {caption.probability:.2f}", (8, 24), 0.7, _TEXT, 2)
    plane = f"   {caption.plane}" if caption.plane else ""
    where = f"slice {caption.slice_number} of {caption.n_slices}{plane}"
    _write(canvas, where, (8, 46), 0.48, _DIM)
    _write(canvas, _NOTE, (_PANEL + _GAP + 8, 46), 0.48, _DIM)
    return _png(canvas)


def montage(pictures: Sequence[bytes], lines: Sequence[str]) -> bytes:
    """Overlays (PNG) of one study in a column, under lines of text, as PNG."""
    tiles = [cv2.imdecode(np.frombuffer(p, np.uint8), cv2.IMREAD_COLOR) for p in pictures]
    columns = 1 if len(tiles) <= 3 else 2
    rows = -(-len(tiles) // columns)
    height, width = tiles[0].shape[:2]
    top = 36 + 22 * len(lines)
    shape = (top + rows * (height + _GAP), columns * (width + _GAP) - _GAP, 3)
    canvas = np.zeros(shape, np.uint8)
    for number, line in enumerate(lines):
        first = number == 0
        _write(canvas, line, (8, 28 + 26 * number), 0.8 if first else 0.5, _TEXT, 2 if first else 1)
    _write(canvas, f"{_NOTE}, not a medical device", (8, top - 10), 0.48, _DIM)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        y, x = top + row * (height + _GAP), column * (width + _GAP)
        canvas[y : y + height, x : x + width] = tile
    return _png(canvas)


def _panel_size(shape: tuple[int, ...], spacing: tuple[float, float]) -> tuple[int, int]:
    height, width = shape[0] * spacing[0], shape[1] * spacing[1]
    scale = _PANEL / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resized(array: npt.NDArray[np.generic], size: tuple[int, int]) -> npt.NDArray[np.generic]:
    smaller = size[0] * size[1] < array.size
    resized: npt.NDArray[np.generic] = cv2.resize(
        array, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    )
    return resized


def _grey(picture: FloatArray) -> Image:
    low, high = np.percentile(picture, _WINDOW)
    return np.clip((picture - low) * (255 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)


def _place(canvas: Image, panel: npt.NDArray[np.generic], left: int) -> None:
    height, width = panel.shape[:2]
    y, x = _STRIP + (_PANEL - height) // 2, left + (_PANEL - width) // 2
    canvas[y : y + height, x : x + width] = panel


def _letters(canvas: Image, plane: Plane) -> None:
    if plane not in _LETTERS:
        return
    left, right, top, bottom = _LETTERS[plane]
    middle = _STRIP + _PANEL // 2
    _write(canvas, left, (4, middle), 0.5, _TEXT)
    _write(canvas, right, (_PANEL - 14, middle), 0.5, _TEXT)
    _write(canvas, top, (_PANEL // 2, _STRIP + 14), 0.5, _TEXT)
    _write(canvas, bottom, (_PANEL // 2, _STRIP + _PANEL - 6), 0.5, _TEXT)


def _colour_bar(canvas: Image) -> None:
    left, top = 2 * _PANEL + _GAP + 6, _STRIP + 24
    height = _PANEL - 48
    ramp = np.linspace(255, 0, height).astype(np.uint8)[:, None].repeat(_BAR, axis=1)
    canvas[top : top + height, left : left + _BAR] = cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)
    _write(canvas, "1", (left + _BAR + 4, top + 10), 0.45, _DIM)
    _write(canvas, "0", (left + _BAR + 4, top + height), 0.45, _DIM)


def _write(
    canvas: Image,
    text: str,
    origin: tuple[int, int],
    size: float,
    colour: tuple[int, int, int],
    thickness: int = 1,
) -> None:
    cv2.putText(canvas, text, origin, _FONT, size, colour, thickness, cv2.LINE_AA)


def _png(canvas: Image) -> bytes:
    done, encoded = cv2.imencode(".png", canvas, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    assert done
    return encoded.tobytes()
