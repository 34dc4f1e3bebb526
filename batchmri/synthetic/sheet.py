"""Contact sheets of images before and after an edit, for visual inspection."""

from collections.abc import Sequence

import cv2
import numpy as np

from batchmri.synthetic.head import Gray

_SIDE = 128  # of a tile, pixels
_GAP = 6  # between groups


def sheet(groups: Sequence[Sequence[Gray]], across: int) -> Gray:
    """Arrange groups of images, all of the same length, with `across` groups in each row."""
    length = len(groups[0])
    width = length * _SIDE + _GAP
    rows = -(-len(groups) // across)
    page = np.zeros((rows * (_SIDE + _GAP), across * width), np.uint8)
    for number, group in enumerate(groups):
        top, left = number // across * (_SIDE + _GAP), number % across * width
        for column, image in enumerate(group):
            start = left + column * _SIDE
            page[top : top + _SIDE, start : start + _SIDE] = _tile(image)
    return page


def _tile(image: Gray) -> Gray:
    scale = _SIDE / max(image.shape)
    height, width = (max(1, round(side * scale)) for side in image.shape)
    tile = np.zeros((_SIDE, _SIDE), np.uint8)
    top, left = (_SIDE - height) // 2, (_SIDE - width) // 2
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    tile[top : top + height, left : left + width] = small
    return tile
