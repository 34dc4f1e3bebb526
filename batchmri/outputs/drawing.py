"""Drawing of text and tiles on an image, with the font included in OpenCV 5."""

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.outputs.formatting import printable

Image = npt.NDArray[np.uint8]
Color = tuple[int, int, int]
BRIGHT: Color = (236, 236, 236)
DIM: Color = (160, 160, 160)
REGULAR, BOLD = 400, 650
# Level 6 takes three times as long for 4% less. Unless a filter is chosen, libpng tries all of them
# for every row, which takes as long as the compression, for 0.5% less.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)


def black(height: int, width: int) -> Image:
    """A black canvas (height, width, 3)."""
    return np.zeros((height, width, 3), np.uint8)


def place(canvas: Image, tile: Image, top: int, left: int) -> None:
    """Copy a tile onto the canvas."""
    height, width = tile.shape[:2]
    canvas[top : top + height, left : left + width] = tile


def frame(canvas: Image, corner: tuple[int, int], size: tuple[int, int], width: int) -> None:
    """Draw a bright frame around the rectangle at `corner` (x, y) of `size` (width, height)."""
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
    color: Color = BRIGHT,
    weight: int = REGULAR,
) -> None:
    """Draw one line of text, its baseline starting at `origin` (x, y), clipped at the border."""
    cv2.putText(canvas, printable(words), origin, color, _font(), size, weight)


def text_right(
    canvas: Image, words: str, corner: tuple[int, int], size: int, color: Color = BRIGHT
) -> None:
    """Draw one line of text, its baseline ending at `corner` (x, y)."""
    text(canvas, words, (corner[0] - text_width(words, size), corner[1]), size, color)


def outlined(canvas: Image, letter: str, center: tuple[int, int], size: int) -> None:
    """Draw a letter with a dark outline, legible on bright and dark backgrounds."""
    x, y = center[0] - text_width(letter, size, BOLD) // 2, center[1] + round(0.36 * size)
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        cv2.putText(canvas, letter, (x + dx, y + dy), (0, 0, 0), _font(), size, BOLD)
    cv2.putText(canvas, letter, (x, y), BRIGHT, _font(), size, BOLD)


def shortened(words: str, width: int, size: int) -> str:
    """The words, with their middle left out if they are wider than `width` pixels."""
    words = printable(words)
    if text_width(words, size) <= width:
        return words
    keep = len(words) - 1
    while keep > 2 and text_width(_without_middle(words, keep), size) > width:
        keep -= 1
    return _without_middle(words, keep)


def _without_middle(words: str, keep: int) -> str:
    return words[: keep // 2] + "…" + words[len(words) - (keep - keep // 2) :]


def text_width(words: str, size: int, weight: int = REGULAR) -> int:
    """Width of a line of text in pixels."""
    _, _, width, _ = cv2.getTextSize((1 << 14, 64), words, (0, 0), _font(), size, weight)
    return int(width)


def png(canvas: Image) -> bytes:
    """Encode as PNG without time stamp and metadata, so that equal pixels produce equal bytes."""
    done, encoded = cv2.imencode(".png", canvas, _PNG)
    assert done
    return encoded.tobytes()


def _font() -> cv2.FontFace:
    # A new object per call: it stores the last weight, so threads must not share it.
    return cv2.FontFace("sans")
