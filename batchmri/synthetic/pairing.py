"""Similarity of heads by the correlation of small images, used to infer planes and find partners.

Heads are compared in the coordinates of their brain boxes, so that anatomical positions match.
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
    """Small images (heads, side²) for correlation, their squares, and aspect ratios (heads,)."""

    small: Floats
    squares: Floats
    aspects: Floats

    @classmethod
    def of(cls, heads: Sequence[Head]) -> "Gallery":
        """Create the gallery of these heads."""
        small = np.array([_small(head.image) for head in heads], np.float32)
        small = small.reshape(len(heads), _SIDE**2)
        return cls(small, small**2, np.array([head.aspect for head in heads], np.float32))

    def likeness(self, head: Head, excluded: Area | None) -> Floats:
        """Return the correlation of each head with `head` outside `excluded`, from −1 to 1.

        It is −1 for heads whose aspect ratio differs by more than 15%.
        """
        weights = np.ones(_SIDE**2, np.float32)
        if excluded is not None:
            weights = 1 - _small(excluded).ravel() ** 2
        weights /= weights.sum()
        own = _small(head.image).ravel()
        own = own - weights @ own
        spread = np.sqrt(weights @ own**2)
        means = self.small @ weights
        spreads = np.sqrt(np.maximum(self.squares @ weights - means**2, 1e-6))
        correlations = (self.small @ (weights * own)) / (spreads * max(spread, 1e-3))
        other_shape = np.abs(np.log(self.aspects / head.aspect)) > np.log(_LARGEST_ASPECT_RATIO)
        return np.where(other_shape, -1, correlations).astype(np.float32)


def estimate_planes(heads: Sequence[Head], known: Sequence[Head]) -> list[Head]:
    """Infer the plane of each head by a majority vote of the most similar `known` heads.

    Sagittal heads that face right are mirrored to face left, as the known ones do.
    """
    mirrored = [head.flipped() for head in known if head.plane == "sagittal"]
    gallery = Gallery.of([*known, *mirrored])
    planes = [head.plane for head in known] + ["sagittal"] * len(mirrored)
    inferred = []
    for head in heads:
        nearest = np.argsort(-gallery.likeness(head, head.mask), kind="stable")[:_VOTERS]
        plane = _most_common([planes[index] for index in nearest])
        faces_right = sum(index >= len(known) for index in nearest) * 2 > _VOTERS
        head = replace(head, plane=plane)
        inferred.append(head.flipped() if plane == "sagittal" and faces_right else head)
    return inferred


def _most_common(planes: Sequence[Plane | None]) -> Plane | None:
    return max(planes, key=planes.count)


def _small(image: npt.NDArray[np.generic]) -> Floats:
    small = cv2.resize(image.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    bright: Floats = np.sqrt(small)  # otherwise bright subcutaneous fat would dominate
    return bright
