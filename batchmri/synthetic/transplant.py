"""A tumour laid into the same place of a head of another source."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batchmri.synthetic.blending import (
    RING,
    Floats,
    blended,
    levelled,
    likeness,
    place,
    ring_around,
    smooth,
)
from batchmri.synthetic.head import Area, Grey, Head, grown, head_area, resized, tissue
from batchmri.training.table import Plane

_RIM = {"glioma": 5, "meningioma": 3, "pituitary": 3}  # pixels that come along with the tumour
_LEAST_INSIDE = 0.98  # of the tumour that must lie in the head
_LEAST_TISSUE = 0.75  # of the ring in the head: elsewhere it is throat, sinus or skull
_LEAST_LIKENESS = 0.15  # of the ring around the tumour in both heads
_LEAST_INNER_LIKENESS = 0.3  # of both heads under the skull: the outline alone tells no height
_SKULL = 14  # pixels
_LARGEST_VARIATION = {"glioma": 0.38, "meningioma": 0.38, "pituitary": 0.5}  # of the ring's
# grey levels, over their mean: brain is even, throat and face are not; the sella lies between
_LEAST_DETAIL = 2.5  # of 255, the mean: averages of many heads look like no patient's
_FARTHEST = 0.04  # from where it was in its own head, of the box
_LEAST_CHANGE = 15.0  # of 255: less cannot be seen, and the label would lie
_SMALLEST, _LARGEST = 120, 0.12  # pixels; share of the picture
_SMALLEST_RING = 200  # pixels
_OFF_MIDLINE = 0.08  # of the width: where a pituitary tumour's middle may lie
# Of a volume's slices, from left, posterior, inferior: those that can show the sella.
_SELLA: dict[Plane, tuple[float, float]] = {
    "sagittal": (0.45, 0.55),
    "coronal": (0.5, 0.8),
    "axial": (0.25, 0.65),
}


@dataclass(frozen=True, slots=True)
class Transplanted:
    """A head with another's tumour, and its mask."""

    picture: Grey
    mask: Area


def transplanted(donor: Head, head: Head) -> Transplanted | None:
    """`donor`'s tumour in `head`; None where it would not look at home, by the limits above."""
    if donor.mask is None:
        return None
    rim = _RIM[donor.row.label]
    placed = place(donor, head, grown(resized(donor.mask, head), rim))
    assert placed.mask is not None
    mask = placed.mask
    if not _SMALLEST <= mask.sum() <= _LARGEST * mask.size:
        return None
    area = grown(mask, rim)
    inside = head_area(head.picture)
    variation = _LARGEST_VARIATION[donor.row.label]
    ring = ring_around(area, head.picture, placed.picture)
    if (
        inside[mask].mean() < _LEAST_INSIDE
        or ring.sum() < _SMALLEST_RING
        or _tissue_share(head.picture, area, inside) < _LEAST_TISSUE
        or likeness(head.picture, placed.picture, ring) < _LEAST_LIKENESS
        or not _is_brain(head.picture, placed.picture, area, _inner(inside, area), variation)
        or not _in_place(donor, mask, head)
    ):
        return None
    # What is air in the head stays air: a tumour grows in tissue.
    picture = blended(head.picture, levelled(placed.picture, head.picture, ring), area & inside)
    change = np.abs(picture.astype(np.float32) - head.picture)[mask].mean()
    return Transplanted(picture, mask) if change >= _LEAST_CHANGE else None


def _is_brain(picture: Grey, donor: Floats, area: Area, inner: Area, variation: float) -> bool:
    around = grown(area, RING) & inner
    if around.sum() < _SMALLEST_RING or likeness(picture, donor, inner) < _LEAST_INNER_LIKENESS:
        return False
    coarse = smooth(picture)
    detail = np.abs(picture - coarse)[inner].mean()
    return bool(
        detail >= _LEAST_DETAIL and coarse[around].std() <= variation * coarse[around].mean()
    )


def _inner(inside: Area, area: Area) -> Area:
    return ~grown(~np.pad(inside, 1), _SKULL)[1:-1, 1:-1] & ~area


def _tissue_share(picture: Grey, area: Area, inside: Area) -> float:
    around = grown(area, 10) & inside
    return float(tissue(picture)[around].mean())


def _in_place(donor: Head, mask: Area, head: Head) -> bool:
    assert donor.mask is not None
    before, after = middle_of(donor.mask), middle_of(mask)
    if np.abs(before - after).max() > _FARTHEST:
        return False
    if donor.row.label != "pituitary":
        return True
    if head.plane != "sagittal" and abs(after[1] - 0.5) > _OFF_MIDLINE:
        return False
    if head.plane is None or head.depth is None:
        return True
    first, last = _SELLA[head.plane]
    return first <= head.depth <= last


def middle_of(mask: Area) -> npt.NDArray[np.float64]:
    """The middle of a mask, (down, across), as shares of the picture."""
    middle: npt.NDArray[np.float64] = np.argwhere(mask).mean(0) / mask.shape
    return middle
