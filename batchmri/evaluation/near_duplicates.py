"""Rows that show the same image, found by the audit's hash and correlation."""

from collections.abc import Sequence

import cv2
import numpy as np

from batchmri.audit.duplicates import near_links
from batchmri.audit.files import SIDE, Bytes
from batchmri.audit.grouping import joined
from batchmri.evaluation.inference import Advance
from batchmri.evaluation.intervals import Ints
from batchmri.training.images import read_picture
from batchmri.training.table import Row

_BLANK = 2.0  # standard deviation of grey levels, of 255: such a picture resembles everything


def images_of(rows: Sequence[Row], advance: Advance) -> Ints:
    """The image that each row shows (n,): rows with the same number show the same one."""
    small = np.zeros((len(rows), SIDE, SIDE), np.uint8)
    for place, row in zip(small, rows, strict=True):
        place[:] = _reduced(row)
        advance(1)
    compared = np.flatnonzero(small.std((1, 2)) >= _BLANK)
    links = [
        (int(compared[link.first]), int(compared[link.second]))
        for _, found in near_links(small[compared])
        for link in found
    ]
    return joined(len(rows), links)


def _reduced(row: Row) -> Bytes:
    picture, _ = read_picture(row)
    if row.slice is not None or picture.max() > 255:
        low, high = np.percentile(picture, (0.5, 99.5))
        picture = np.clip((picture - low) * (255 / max(float(high - low), 1e-6)), 0, 255)
    small = cv2.resize(picture.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
