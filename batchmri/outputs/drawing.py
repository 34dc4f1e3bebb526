"""Text and tiles on a picture, with the font that OpenCV 5 brings along."""

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.outputs.formatting import printable

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
BRIGHT: Colour = (236, 236, 236)
DIM: Colour = (160, 160, 160)
REGULAR, BOLD = 400, 650


def black(height: int, width: int) -> Image:
    """An empty canvas (height, width, 3)."""
    return np.zeros((height, width, 3), np.uint8)


def place(canvas: Image, tile: Image, top: int, left: int) -> None:
    """Lay a tile on the canvas."""
    height, width = tile.shape[:2]
    canvas[top : top + height, left : left + width] = tile


def frame(canvas: Image, corner: tuple[int, int], size: tuple[int, int], width: int) -> None:
    """A bright frame just outside of the rectangle at `corner` (x, y) of `size` (width, height)."""
    first = (corner[0] - width, corner[1] - width)
    last = (corner[0] + size[0] + width - 1, corner[1] + size[1] + width - 1)
    for step in range(width):
        inner = (first[0] + step, first[1] + step)
        cv2.rectangle(canvas, inner, (last[0] - step, last[1] - step), BRIGHT, 1)


def text(
    canvas: Image,
    words: str,
    origin: tuple[int, int],
    size: int,
    colour: Colour = BRIGHT,
    weight: int = REGULAR,
) -> None:
    """Write one line whose baseline begins at `origin` (x, y); it is clipped at the border."""
    cv2.putText(canvas, printable(words), origin, colour, _font(), size, weight)


def text_right(
    canvas: Image, words: str, corner: tuple[int, int], size: int, colour: Colour = BRIGHT
) -> None:
    """Write one line whose baseline ends at `corner` (x, y)."""
    text(canvas, words, (corner[0] - text_width(words, size), corner[1]), size, colour)


def outlined(canvas: Image, letter: str, centre: tuple[int, int], size: int) -> None:
    """A letter that stands out from bright and from dark ground."""
    x, y = centre[0] - text_width(letter, size, BOLD) // 2, centre[1] + round(0.36 * size)
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        cv2.putText(canvas, letter, (x + dx, y + dy), (0, 0, 0), _font(), size, BOLD)
    cv2.putText(canvas, letter, (x, y), BRIGHT, _font(), size, BOLD)


def text_width(words: str, size: int, weight: int = REGULAR) -> int:
    """Pixels that a line takes."""
    _, _, width, _ = cv2.getTextSize((1 << 14, 64), words, (0, 0), _font(), size, weight)
    return int(width)


def png(canvas: Image) -> bytes:
    """As PNG: no time stamp and no metadata, so the same pixels give the same bytes."""
    done, encoded = cv2.imencode(".png", canvas, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    assert done
    return encoded.tobytes()


def _font() -> cv2.FontFace:
    # One per call: the object keeps the last weight, so threads must not share it.
    return cv2.FontFace("sans")
