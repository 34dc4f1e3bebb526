"""Parts of the head, located in a volume by the extent of the head.

Positions are shares of the length of the head, which is measured from forehead to occiput. The
positions of the parts are those of the ICBM 152 template, whose head is 205 mm long.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batchmri.training.images import AXES, FloatImage
from batchmri.training.table import Plane

Point = tuple[float, float, float]
"""Position to the right of the midline, in front of the occiput and below the vertex."""

_FOREGROUND = 0.1  # of the 99th percentile
_UPPER_MM = 85.0  # the part below the vertex that contains neither nose nor ears
_VERTEX = 0.05  # share of the largest axial area, from which a slice belongs to the head
_EDGE = 0.03  # the same for the outermost coronal and sagittal slices of the upper part
_LENGTH_MM = (130.0, 240.0)
_WIDTH = (0.6, 1.05)  # of the length
_BELOW = 0.6  # share of the length that a volume must contain below the vertex


@dataclass(frozen=True, slots=True)
class Part:
    """A box-shaped part of the head: its center and the largest distance from it, in each axis."""

    center: Point
    reach: Point

    def mirrored(self) -> "Part":
        """Return the same part on the other side."""
        right, front, below = self.center
        return Part((-right, front, below), self.reach)


SELLA = Part((0.0, 0.55, 0.52), (0.035, 0.08, 0.1))  # with hypothalamus and third ventricle
FOURTH_VENTRICLE = Part((0.0, 0.32, 0.60), (0.025, 0.04, 0.05))  # with the vermis
HEMISPHERE = Part((0.15, 0.24, 0.625), (0.04, 0.04, 0.04))  # of the cerebellum
PONTINE_ANGLE = Part((0.12, 0.38, 0.61), (0.03, 0.03, 0.03))  # cerebellopontine
POSTERIOR_FOSSA: Mapping[str, tuple[Part, ...]] = {
    "fourth ventricle": (FOURTH_VENTRICLE,),
    "cerebellar hemisphere": (HEMISPHERE, HEMISPHERE.mirrored()),
    "cerebellopontine angle": (PONTINE_ANGLE, PONTINE_ANGLE.mirrored()),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """Midline (x), occiput (y) and vertex (z) of a head in voxels of an RAS+ volume.

    `length` and the voxel size `zooms` are in mm, `shape` is that of the volume.
    """

    origin: Point
    length: float
    zooms: Point
    shape: tuple[int, ...]

    def voxel(self, point: Point) -> npt.NDArray[np.float64]:
        """Return the voxel (x, y, z) at a position."""
        signs = np.array([1.0, 1.0, -1.0])
        return np.asarray(self.origin + signs * point * self.length / np.array(self.zooms))

    def position(self, axis: int, index: float) -> float:
        """Return the position of the slice with this index across an axis."""
        distance = (index - self.origin[axis]) * self.zooms[axis] / self.length
        return -distance if axis == 2 else distance


def frame_of(volume: FloatImage, zooms: Point) -> Frame | None:
    """Locate the head in an RAS+ volume with voxel size `zooms` in mm.

    None if the volume does not contain the head from the vertex to the cerebellum.
    """
    head = volume > _FOREGROUND * float(np.percentile(volume, 99))
    areas = head.sum((0, 1))
    slices = np.flatnonzero(areas > _VERTEX * areas.max())
    if not slices.size:
        return None
    top = int(slices[-1])
    upper = head[:, :, max(0, top - round(_UPPER_MM / zooms[2])) : top + 1]
    left, right = _ends(upper.sum((1, 2)))
    back, front = _ends(upper.sum((0, 2)))
    length = (front - back + 1) * zooms[1]
    width = (right - left + 1) * zooms[0] / length
    below = (top - int(slices[0])) * zooms[2] / length
    if not (
        _LENGTH_MM[0] <= length <= _LENGTH_MM[1]
        and _WIDTH[0] <= width <= _WIDTH[1]
        and below >= _BELOW
    ):
        return None
    return Frame(((left + right) / 2, float(back), float(top)), length, zooms, volume.shape)


def slices_through(frame: Frame, part: Part, plane: Plane, step_mm: float) -> Iterator[int]:
    """Yield the indices of the slices of a plane through a part, `step_mm` apart."""
    axis = AXES[plane]
    middle, reach = (values[axis] * frame.length for values in (part.center, part.reach))
    step = max(step_mm, frame.zooms[axis])
    for number in range(int(2 * reach / step) + 1):
        distance = (middle - reach + number * step) / frame.zooms[axis]
        index = round(frame.origin[axis] + (-distance if axis == 2 else distance))
        if 0 <= index < frame.shape[axis]:
            yield index


def _ends(counts: npt.NDArray[np.int64]) -> tuple[int, int]:
    found = np.flatnonzero(counts > _EDGE * counts.max())
    return int(found[0]), int(found[-1])
