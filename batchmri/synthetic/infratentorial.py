"""Tumors transplanted below the tentorium, each with a control in the same slice.

A tumor with a small rim is scaled and moved to the fourth ventricle, a cerebellar hemisphere or a
cerebellopontine angle of a tumor-free head. Its control is made by the same operation with the same
outline, but from the same part of another tumor-free head, so that only the tumor differs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle

import numpy as np

from batchmri.synthetic.anatomy import POSTERIOR_FOSSA, Frame, Part, Point, frame_of
from batchmri.synthetic.blending import Placed, Spot, scaled_and_moved
from batchmri.synthetic.head import Head, read_head
from batchmri.synthetic.output import Made
from batchmri.synthetic.transplant import middle_of, moved_control, moved_transplant
from batchmri.training.images import AXES, read_volume
from batchmri.training.table import Plane, Row

NO_TUMOR = "notumor"
ANY_TUMOR = "tumor"
"""Label of a tumor whose class is not a usual one of the place."""
TRANSPLANTED = "transplanted-infratentorial"
CONTROL = "control-infratentorial"
_USUAL = {"cerebellar hemisphere": "glioma", "cerebellopontine angle": "meningioma"}
# Diameters as shares of the length of the head: 1.5 to 4 cm in a head of 19 cm.
_DIAMETERS = {
    "fourth ventricle": (0.09, 0.18),
    "cerebellar hemisphere": (0.10, 0.21),
    "cerebellopontine angle": (0.08, 0.16),
}
_LARGEST_SCALE = 1.6  # of a tumor; larger ones are unrealistically smooth
_TRIES = 8  # maximum per requested pair
_PARTNERS = 4  # heads tried for a control
_HELD = 512  # images kept in memory


@dataclass(frozen=True, slots=True)
class Site:
    """A tumor-free slice through a part of the posterior fossa."""

    row: Row
    part: Part
    frame: Frame

    @property
    def plane(self) -> Plane:
        """The plane of the slice."""
        assert self.row.plane is not None
        return self.row.plane


@dataclass(frozen=True, slots=True)
class Target:
    """A head, a pixel of its image, and the length of the head in pixels."""

    head: Head
    pixel: Spot
    length: float


def sites(rows: Sequence[Row]) -> dict[str, list[Site]]:
    """Return the slices of volumes through each place, with the part that they show."""
    found: dict[str, list[Site]] = {place: [] for place in POSTERIOR_FOSSA}
    frames: dict[object, Frame | None] = {}
    for row in rows:
        if row.slice is None or row.plane is None:
            continue
        if row.file not in frames:
            frames[row.file] = frame_of(*read_volume(row.file))
        frame = frames[row.file]
        if frame is None:
            continue
        axis = AXES[row.plane]
        position = frame.position(axis, row.slice)
        for place, parts in POSTERIOR_FOSSA.items():
            found[place] += [
                Site(row, part, frame)
                for part in parts
                if abs(position - part.center[axis]) <= part.reach[axis]
            ]
    return found


def target(site: Site, point: Point) -> Target | None:
    """Return the head of a site and the pixel at a position in it; None if it has no brain box."""
    head = _head(site.row)
    if head is None or head.box is None:
        return None
    frame, box = site.frame, head.box
    across, down = (axis for axis in range(3) if axis != AXES[site.plane])
    per_row, per_column = head.image.shape[0] / box.height, head.image.shape[1] / box.width
    voxel = frame.voxel(point)
    pixel = (
        float(frame.shape[down] - 0.5 - voxel[down] - box.y) * per_row,
        float(frame.shape[across] - 0.5 - voxel[across] - box.x) * per_column,
    )
    return Target(head, pixel, frame.length / frame.zooms[down] * per_row)


def pairs(
    tumors: Sequence[Row], hosts: Sequence[Row], wanted: int, random: np.random.Generator
) -> Iterator[Made]:
    """Yield up to `wanted` transplants, each followed by its control.

    `tumors` are rows with reliable masks, `hosts` tumor-free slices of volumes. Places and the
    classes of the tumors alternate. Raises UsageError if an image cannot be read.
    """
    found = {place: those for place, those in sites(hosts).items() if those}
    by_label: dict[str, list[Row]] = {}
    for row in tumors:
        by_label.setdefault(row.label, []).append(row)
    turns = cycle([(place, label) for label in sorted(by_label) for place in found])
    made = 0
    for (place, label), _ in zip(turns, range(_TRIES * wanted), strict=False):
        if made == wanted:
            return
        donor = by_label[label][random.integers(len(by_label[label]))]
        if pair := _pair(donor, found[place], place, random):
            made += 1
            yield from pair


def _pair(
    tumor: Row, at: Sequence[Site], place: str, random: np.random.Generator
) -> tuple[Made, Made] | None:
    site = at[int(random.integers(len(at)))]
    point, share = _point_in(site.part, random), random.uniform(*_DIAMETERS[place])
    mirrored = random.random() < 0.5
    partners = _partners(site, at, random)
    aim, donor = target(site, point), _head(tumor)
    if aim is None or donor is None:
        return None
    donor = donor.flipped() if mirrored else donor
    placed = _placed_tumor(donor, aim, share)
    result = moved_transplant(placed, aim.head) if placed else None
    if result is None:
        return None
    label = tumor.label if _USUAL.get(place) == tumor.label else ANY_TUMOR
    for other in filter(None, (target(partner, point) for partner in partners)):
        scale = aim.length / other.length
        tissue = scaled_and_moved(other.head, aim.head, scale, other.pixel, aim.pixel)
        image = moved_control(tissue, aim.head, result.mask)
        if image is not None:
            return (
                Made(TRANSPLANTED, label, result.image, result.mask, aim.head, donor),
                Made(CONTROL, NO_TUMOR, image, None, aim.head, other.head),
            )
    return None


def _placed_tumor(donor: Head, aim: Target, share: float) -> Placed | None:
    """Place a tumor whose diameter becomes a share of the length of the head."""
    if donor.mask is None or not donor.mask.any():
        return None
    scale = share * aim.length / (2 * float(np.sqrt(donor.mask.sum() / np.pi)))
    if scale > _LARGEST_SCALE:
        return None
    down, across = middle_of(donor.mask) * donor.image.shape
    return scaled_and_moved(donor, aim.head, scale, (float(down), float(across)), aim.pixel)


def _point_in(part: Part, random: np.random.Generator) -> Point:
    x, y, z = (
        middle + reach * random.uniform(-1, 1)
        for middle, reach in zip(part.center, part.reach, strict=True)
    )
    return (x, y, z)


def _partners(site: Site, at: Sequence[Site], random: np.random.Generator) -> list[Site]:
    others = [
        other
        for other in at
        if other.plane == site.plane
        and other.part == site.part
        and other.row.person != site.row.person
        and other.row.file != site.row.file
    ]
    return [others[index] for index in random.permutation(len(others))[:_PARTNERS]]


@lru_cache(maxsize=_HELD)
def _head(row: Row) -> Head | None:
    return read_head(row)
