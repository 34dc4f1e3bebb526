"""Find rows that show the same image, by the hash and correlation of the data audit."""

from collections.abc import Sequence

import cv2
import numpy as np

from batchmri.audit.duplicates import near_links
from batchmri.audit.files import SIDE, Bytes
from batchmri.audit.grouping import joined
from batchmri.evaluation.inference import Advance
from batchmri.evaluation.intervals import Ints
from batchmri.training.images import read_image
from batchmri.training.table import Row

_BLANK_STD = 2.0  # in gray levels of 255; flatter images correlate with any other image


def images_of(rows: Sequence[Row], advance: Advance) -> Ints:
    """Return an image number per row (n,); rows with the same number show the same image."""
    thumbnails = np.zeros((len(rows), SIDE, SIDE), np.uint8)
    for target, row in zip(thumbnails, rows, strict=True):
        target[:] = _thumbnail(row)
        advance(1)
    compared = np.flatnonzero(thumbnails.std((1, 2)) >= _BLANK_STD)
    links = [
        (int(compared[link.first]), int(compared[link.second]))
        for _, found in near_links(thumbnails[compared])
        for link in found
    ]
    return joined(len(rows), links)


def _thumbnail(row: Row) -> Bytes:
    image, _ = read_image(row)
    if row.slice is not None or image.max() > 255:
        low, high = np.percentile(image, (0.5, 99.5))
        image = np.clip((image - low) * (255 / max(float(high - low), 1e-6)), 0, 255)
    thumbnail = cv2.resize(image.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(thumbnail, np.uint8)
