"""Removal of an area of a head, filled from a head without a tumor there or the opposite half."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from batchmri.synthetic.blending import Floats, blended, leveled, likeness, place, ring_around
from batchmri.synthetic.head import Area, Gray, Head, grown

MARGIN = 6  # pixels, because outlines are drawn inside the bright rim
_LARGEST_SHARE = 0.15  # of the image; larger edits are rejected
_LEAST_LIKENESS = 0.3  # correlation of head and fill in the ring around the area
_LARGEST_DIFFERENCE = 30.0  # of 255: mean absolute difference in the ring
_SMALLEST_RING = 200  # pixels
BRIGHTEST_SHARE = 0.1  # largest share of the filled area that may be as bright as a tumor
_STANDS_OUT = 2.5  # standard deviations above the mean of the ring


@dataclass(frozen=True, slots=True)
class Filled:
    """An image with a filled area, and the correlation of the fill with the image in the ring."""

    image: Gray
    likeness: float
    donor: Head


def filled(head: Head, area: Area, donors: Iterable[Head]) -> Filled | None:
    """Fill `area` from the best-fitting donor or, away from the midline, the opposite half.

    `area` is dilated and feathered. Returns None if no fill passes the limits above.
    """
    hole = grown(area, MARGIN)
    if hole.mean() > _LARGEST_SHARE:
        return None
    candidates = list(donors)
    if head.plane != "sagittal" and not (hole & hole[:, ::-1]).any():
        candidates.append(head.flipped())
    fills = [fill for donor in candidates if (fill := _fill(head, hole, donor))]
    return max(fills, key=lambda fill: fill.likeness, default=None)


def _fill(head: Head, hole: Area, donor: Head) -> Filled | None:
    placed = place(donor, head, hole)
    if placed.mask is not None and (grown(placed.mask, MARGIN) & hole).any():
        return None
    ring = ring_around(hole, head.image, placed.image)
    if head.mask is not None:
        ring &= ~grown(head.mask, MARGIN)
    if ring.sum() < _SMALLEST_RING:
        return None
    patch = leveled(placed.image, head.image, ring)
    similarity = likeness(head.image, patch, ring)
    difference = float(np.abs(head.image[ring] - patch[ring]).mean())
    if similarity < _LEAST_LIKENESS or difference > _LARGEST_DIFFERENCE:
        return None
    if bright_share(patch, hole, ring) > BRIGHTEST_SHARE:
        return None
    return Filled(blended(head.image, patch, hole), similarity, donor)


def bright_share(image: Floats, area: Area, ring: Area) -> float:
    """Return the share of the area that is as bright as an enhancing tumor, given its ring."""
    smoothed = cv2.GaussianBlur(image, (0, 0), 1.5)
    limit = smoothed[ring].mean() + _STANDS_OUT * smoothed[ring].std()
    return float((smoothed[area] > limit).mean())
