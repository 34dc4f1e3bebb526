"""Transplantation of a tumor to a head of another source, at the same position or another one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batchmri.synthetic.blending import (
    RING,
    Floats,
    Placed,
    blended,
    leveled,
    likeness,
    place,
    ring_around,
    smooth,
)
from batchmri.synthetic.head import Area, Gray, Head, grown, head_area, resized, tissue
from batchmri.synthetic.removal import BRIGHTEST_SHARE, bright_share
from batchmri.training.table import Plane

_RIM = {"glioma": 5, "meningioma": 3, "pituitary": 3}  # pixels copied around the tumor
_LEAST_INSIDE = 0.98  # share of the tumor that must be inside the head
_LEAST_TISSUE = 0.75  # share of tissue in the ring; the rest is throat, sinus or skull
_LEAST_LIKENESS = 0.15  # correlation of both heads in the ring around the tumor
_LEAST_INNER_LIKENESS = 0.3  # same inside the skull, since outlines do not determine the height
_SKULL = 14  # pixels
# Coefficient of variation of the ring's gray levels: low in brain, high in throat and face, and
# intermediate around the sella.
_LARGEST_VARIATION = {"glioma": 0.38, "meningioma": 0.38, "pituitary": 0.5}
_LEAST_DETAIL = 2.5  # of 255, mean: averages of many heads have less and are not realistic
_LARGEST_MOVED_VARIATION = (
    0.5  # variation around a moved tumor, which can be next to the skull base
)
_LEAST_MOVED_DETAIL = 4.5  # for moved tumors: excludes blurred templates as well
_MOVED_RIM = 3  # pixels copied around a tumor that is placed at another position
_FARTHEST = 0.04  # largest shift from the position in the donor's box, as a share of the box
_LEAST_CHANGE = 15.0  # of 255: smaller changes are invisible, so that the label would be wrong
_SMALLEST, _LARGEST = 120, 0.12  # pixels; share of the image
_SMALLEST_RING = 200  # pixels
_OFF_MIDLINE = 0.08  # share of the width: largest offset of a pituitary tumor from the midline
# Relative positions, from left, posterior or inferior, of the slices that can show the sella.
_SELLA: dict[Plane, tuple[float, float]] = {
    "sagittal": (0.45, 0.55),
    "coronal": (0.5, 0.8),
    "axial": (0.25, 0.65),
}


@dataclass(frozen=True, slots=True)
class Transplanted:
    """A head with the tumor of another head, and the tumor's mask."""

    image: Gray
    mask: Area


def transplanted(donor: Head, head: Head) -> Transplanted | None:
    """Transplant the tumor of `donor` to `head`; None if the result fails the limits above."""
    if donor.mask is None:
        return None
    rim = _RIM[donor.row.label]
    placed = place(donor, head, grown(resized(donor.mask, head), rim))
    assert placed.mask is not None
    mask = placed.mask
    if not _SMALLEST <= mask.sum() <= _LARGEST * mask.size:
        return None
    area = grown(mask, rim)
    inside = head_area(head.image)
    variation = _LARGEST_VARIATION[donor.row.label]
    ring = ring_around(area, head.image, placed.image)
    if (
        inside[mask].mean() < _LEAST_INSIDE
        or ring.sum() < _SMALLEST_RING
        or _tissue_share(head.image, area, inside) < _LEAST_TISSUE
        or likeness(head.image, placed.image, ring) < _LEAST_LIKENESS
        or not _is_brain(head.image, placed.image, area, _inner(inside, area), variation)
        or not _in_place(donor, mask, head)
    ):
        return None
    # Pixels of air remain air, since tumors grow in tissue.
    image = blended(head.image, leveled(placed.image, head.image, ring), area & inside)
    return Transplanted(image, mask) if _change(image, head, mask) >= _LEAST_CHANGE else None


def moved_transplant(placed: Placed, head: Head) -> Transplanted | None:
    """Transplant a scaled and moved tumor to `head`; None if the result fails the limits above."""
    mask = placed.mask
    if mask is None or not _SMALLEST <= mask.sum() <= _LARGEST * mask.size:
        return None
    area, inside = grown(mask, _MOVED_RIM), head_area(head.image)
    inner = _inner(inside, area)
    around = grown(area, RING) & inner
    if (
        inside[mask].mean() < _LEAST_INSIDE
        or around.sum() < _SMALLEST_RING
        or _tissue_share(head.image, area, inside) < _LEAST_TISSUE
        or _detail(head.image)[inner].mean() < _LEAST_MOVED_DETAIL
        or _variation(head.image, around) > _LARGEST_MOVED_VARIATION
    ):
        return None
    image = _blended_in(placed, head, area & inside)
    if image is None or _change(image, head, mask) < _LEAST_CHANGE:
        return None
    return Transplanted(image, mask)


def moved_control(placed: Placed, head: Head, mask: Area) -> Gray | None:
    """Replace the area of a tumor by tissue of another head as `moved_transplant` places a tumor.

    None if the tissue does not fit or is as bright as an enhancing tumor.
    """
    area = grown(mask, _MOVED_RIM)
    ring = ring_around(area, head.image, placed.image)
    if ring.sum() < _SMALLEST_RING:
        return None
    patch = leveled(placed.image, head.image, ring)
    if (
        likeness(head.image, patch, ring) < _LEAST_INNER_LIKENESS
        or bright_share(patch, area, ring) > BRIGHTEST_SHARE
    ):
        return None
    return _blended_in(placed, head, area & head_area(head.image))


def _blended_in(placed: Placed, head: Head, area: Area) -> Gray | None:
    ring = ring_around(area, head.image, placed.image)
    if ring.sum() < _SMALLEST_RING:
        return None
    return blended(head.image, leveled(placed.image, head.image, ring), area)


def _is_brain(image: Gray, donor: Floats, area: Area, inner: Area, variation: float) -> bool:
    around = grown(area, RING) & inner
    if around.sum() < _SMALLEST_RING or likeness(image, donor, inner) < _LEAST_INNER_LIKENESS:
        return False
    return bool(
        _detail(image)[inner].mean() >= _LEAST_DETAIL and _variation(image, around) <= variation
    )


def _detail(image: Gray) -> Floats:
    return np.asarray(np.abs(image - smooth(image)), np.float32)


def _variation(image: Gray, area: Area) -> float:
    """Return the coefficient of variation of the coarse gray levels in an area."""
    coarse = smooth(image)[area]
    return float(coarse.std() / max(float(coarse.mean()), 1e-3))


def _change(image: Gray, head: Head, mask: Area) -> float:
    return float(np.abs(image.astype(np.float32) - head.image)[mask].mean())


def _inner(inside: Area, area: Area) -> Area:
    return ~grown(~np.pad(inside, 1), _SKULL)[1:-1, 1:-1] & ~area


def _tissue_share(image: Gray, area: Area, inside: Area) -> float:
    around = grown(area, 10) & inside
    return float(tissue(image)[around].mean())


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
    """Return the center of a mask, (down, across), as shares of the image."""
    center: npt.NDArray[np.float64] = np.argwhere(mask).mean(0) / mask.shape
    return center
