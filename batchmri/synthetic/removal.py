"""An area of a head filled from a head without tumour there, or from its own other half."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from batchmri.synthetic.blending import Floats, blended, levelled, likeness, place, ring_around
from batchmri.synthetic.head import Area, Grey, Head, grown

MARGIN = 6  # pixels: outlines are drawn inside the bright rim
_LARGEST_SHARE = 0.15  # of the picture; more is no small edit
_LEAST_LIKENESS = 0.3  # of the ring around the area, with what fills it
_LARGEST_DIFFERENCE = 30.0  # of 255, the mean in the ring
_SMALLEST_RING = 200  # pixels
_BRIGHTEST_SHARE = 0.1  # of the filled area that may stand out as a tumour would
_STANDS_OUT = 2.5  # standard deviations of the ring above its mean


@dataclass(frozen=True, slots=True)
class Filled:
    """A picture without what was in the area, and how well the fill fits its ring."""

    picture: Grey
    likeness: float
    donor: Head


def filled(head: Head, area: Area, donors: Iterable[Head]) -> Filled | None:
    """The head with `area` filled by what fits best: a donor or, off the midline, the other half.

    `area` is grown and feathered. None where nothing fits, by the limits above.
    """
    hole = grown(area, MARGIN)
    if hole.mean() > _LARGEST_SHARE:
        return None
    givers = list(donors)
    if head.plane != "sagittal" and not (hole & hole[:, ::-1]).any():
        givers.append(head.flipped())
    fills = [fill for giver in givers if (fill := _fill(head, hole, giver))]
    return max(fills, key=lambda fill: fill.likeness, default=None)


def _fill(head: Head, hole: Area, donor: Head) -> Filled | None:
    placed = place(donor, head, hole)
    if placed.mask is not None and (grown(placed.mask, MARGIN) & hole).any():
        return None
    ring = ring_around(hole, head.picture, placed.picture)
    if head.mask is not None:
        ring &= ~grown(head.mask, MARGIN)
    if ring.sum() < _SMALLEST_RING:
        return None
    patch = levelled(placed.picture, head.picture, ring)
    fits = likeness(head.picture, patch, ring)
    difference = float(np.abs(head.picture[ring] - patch[ring]).mean())
    if fits < _LEAST_LIKENESS or difference > _LARGEST_DIFFERENCE:
        return None
    if _stands_out(patch, hole, ring) > _BRIGHTEST_SHARE:
        return None
    return Filled(blended(head.picture, patch, hole), fits, donor)


def _stands_out(picture: Floats, area: Area, ring: Area) -> float:
    """The share of the area that is brighter than its ring, as a tumour that takes up contrast."""
    around = cv2.GaussianBlur(picture, (0, 0), 1.5)
    limit = around[ring].mean() + _STANDS_OUT * around[ring].std()
    return float((around[area] > limit).mean())
