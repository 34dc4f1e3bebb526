"""Which heads look alike: planes told and partners found by the correlation of small pictures.

Heads are compared in the coordinates of their brain boxes, so that a place keeps its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.synthetic.head import Area, Head
from batchmri.training.table import Plane

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
_SIDE = 32
_VOTERS = 9
_LARGEST_ASPECT_RATIO = 1.15


@dataclass(frozen=True, slots=True)
class Gallery:
    """Small pictures (heads, side²) to correlate with, their squares, and the heads' aspects."""

    small: Floats
    squares: Floats
    aspects: Floats

    @classmethod
    def of(cls, heads: Sequence[Head]) -> "Gallery":
        """The small pictures of these heads."""
        small = np.array([_small(head.picture) for head in heads], np.float32)
        small = small.reshape(len(heads), _SIDE**2)
        return cls(small, small**2, np.array([head.aspect for head in heads], np.float32))

    def likeness(self, head: Head, beside: Area | None) -> Floats:
        """Correlation of each with `head`, −1 to 1, the area `beside` left out; −1 by aspect."""
        looked_at = np.ones(_SIDE**2, np.float32)
        if beside is not None:
            looked_at = 1 - _small(beside).ravel() ** 2
        looked_at /= looked_at.sum()
        own = _small(head.picture).ravel()
        own = own - looked_at @ own
        spread = np.sqrt(looked_at @ own**2)
        means = self.small @ looked_at
        spreads = np.sqrt(np.maximum(self.squares @ looked_at - means**2, 1e-6))
        found = (self.small @ (looked_at * own)) / (spreads * max(spread, 1e-3))
        odd = np.abs(np.log(self.aspects / head.aspect)) > np.log(_LARGEST_ASPECT_RATIO)
        return np.where(odd, -1, found).astype(np.float32)


def tell_planes(heads: Sequence[Head], known: Sequence[Head]) -> list[Head]:
    """The heads with a plane each, the one most of their likest `known` heads have.

    Sagittal heads that look to the right are turned to look to the left, as the known ones do.
    """
    turned = [head.flipped() for head in known if head.plane == "sagittal"]
    gallery = Gallery.of([*known, *turned])
    planes = [head.plane for head in known] + ["sagittal"] * len(turned)
    told = []
    for head in heads:
        likest = np.argsort(-gallery.likeness(head, head.mask), kind="stable")[:_VOTERS]
        plane = _most_common([planes[index] for index in likest])
        to_right = sum(index >= len(known) for index in likest) * 2 > _VOTERS
        head = replace(head, plane=plane)
        told.append(head.flipped() if plane == "sagittal" and to_right else head)
    return told


def _most_common(planes: Sequence[Plane | None]) -> Plane | None:
    return max(planes, key=planes.count)


def _small(picture: npt.NDArray[np.generic]) -> Floats:
    small = cv2.resize(picture.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    bright: Floats = np.sqrt(small)  # else the fat under the skin is all that counts
    return bright
