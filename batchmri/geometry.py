"""Position and orientation of slices.

Coordinates are LPS in millimeters: x increases to the patient's left, y to the back, z to the head.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from batchmri.records import Display, Frame, Plane, Vector

Orientation = tuple[Vector, Vector]

_SLAB_RATIO = 3  # no dimension of a head is three times as long as another
OBLIQUE_BELOW = 0.8  # |component| of the normal: more than 37° off every axis
_PLANES: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")
# Directions of increasing column and row index in radiological view, per axis of the normal:
# patient right on image left (anterior for sagittal), anterior or head on top.
_SHOWN: tuple[Orientation, Orientation, Orientation] = (
    ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
)


def unit_pair(values: Sequence[float]) -> Orientation | None:
    """Return Image Orientation (Patient) as two unit vectors; None if they do not form a plane."""
    if len(values) != 6:
        return None
    column, row = _unit_vector(values[:3]), _unit_vector(values[3:])
    if column is None or row is None or abs(dot(column, row)) > 0.1:
        return None
    return column, row


def vector(values: Sequence[float]) -> Vector | None:
    """Return Image Position (Patient); None unless it has three values."""
    return (values[0], values[1], values[2]) if len(values) == 3 else None


def cross(orientation: Orientation) -> Vector:
    """Return the cross product of the two direction vectors."""
    (ax, ay, az), (bx, by, bz) = orientation
    return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the dot product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def normal_of(orientation: Orientation) -> Vector:
    """Return the unit normal of a slice, with a positive largest component.

    Slices ordered along it run from right to left, from front to back, or from foot to head.
    """
    normal = cross(orientation)
    length = math.hypot(*normal) or 1.0
    sign = math.copysign(1.0, normal[_largest_axis(normal)]) / length
    return normal[0] * sign, normal[1] * sign, normal[2] * sign


def line_through(positions: Iterable[Vector]) -> Vector | None:
    """Return the unit vector from one end of the positions to the other.

    Its largest component is positive. None for fewer than two positions.
    """
    every = sorted(set(positions))
    if len(every) < 2:
        return None
    start = max(every, key=lambda one: math.dist(one, every[0]))
    end = max(every, key=lambda one: math.dist(one, start))
    x, y, z = (b - a for a, b in zip(start, end, strict=True))
    sign = math.copysign(1.0, (x, y, z)[_largest_axis((x, y, z))]) / math.hypot(x, y, z)
    return x * sign, y * sign, z * sign


def plane_of(orientation: Orientation | None) -> Plane:
    """Return the plane by the largest component of the normal; oblique if that is below 0.8."""
    if orientation is None:
        return ""
    normal = normal_of(orientation)
    axis = _largest_axis(normal)
    return _PLANES[axis] if normal[axis] >= OBLIQUE_BELOW else "oblique"


def display_of(orientation: Orientation | None) -> Display:
    """Return the transposition and flips that turn stored slices into radiological view.

    Axial: patient right on image left, anterior on top. Coronal: patient right on image left, head
    on top. Sagittal: anterior on image left, head on top. Oblique slices are displayed like the
    nearest plane, and slices of unknown orientation as stored. Nothing is interpolated.
    """
    if orientation is None:
        return Display()
    column, row = orientation
    shown_column, shown_row = _SHOWN[_largest_axis(normal_of(orientation))]
    along = abs(dot(column, shown_column)) + abs(dot(row, shown_row))
    across = abs(dot(row, shown_column)) + abs(dot(column, shown_row))
    transpose = across > along
    if transpose:
        column, row = row, column
    return Display(transpose, dot(row, shown_row) < 0, dot(column, shown_column) < 0)


def shifted(position: Vector, *steps: tuple[Vector, float]) -> Vector:
    """Return a position moved by (direction, distance in mm) steps."""
    x, y, z = position
    for (dx, dy, dz), length in steps:
        x, y, z = x + dx * length, y + dy * length, z + dz * length
    return x, y, z


def slice_axis_of(shape: Sequence[int], affine: npt.NDArray[np.float64] | None) -> int:
    """Return the axis of a 3-D array along which its slices are stacked.

    The first that applies:

    1. the only axis of length 1
    2. the axis along which the volume is less than a third as thick, in mm, as along the others
       (a slab: too thin for a whole head)
    3. the axis with the largest voxel size, if it exceeds the others by 20 %
    4. the axis with less than half the length of the others, if all voxel sizes are 1 (lost)
    5. the axis nearest to the foot-head direction, so that slices are axial

    Without an affine, axis 2 unless the first rule applies.
    """
    single = [axis for axis in range(3) if shape[axis] == 1]
    if len(single) == 1:
        return single[0]
    if affine is None:
        return 2
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    extents = sizes * np.array(shape[:3])
    thinnest = int(np.argmin(extents))
    if extents[thinnest] * _SLAB_RATIO < np.delete(extents, thinnest).min():
        return thinnest
    order = np.argsort(sizes)
    if sizes[order[2]] > 1.2 * sizes[order[1]]:
        return int(order[2])
    if has_lost_spacing(shape, affine):
        return int(np.argmin(shape[:3]))
    return int(np.argmax(np.abs(affine[2, :3]) / sizes))


def has_lost_spacing(shape: Sequence[int], affine: npt.NDArray[np.float64]) -> bool:
    """Return whether all voxel sizes are 1 and one axis is less than half as long as the others."""
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    lengths = sorted(shape[:3])
    return bool(np.allclose(sizes, 1.0, atol=1e-3)) and 1 < lengths[0] < lengths[1] / 2


def _is_default(shape: Sequence[int], affine: npt.NDArray[np.float64]) -> bool:
    """Return whether the affine is a writer's default: 1 mm voxels, origin at 0 or centered."""
    steps, origin = np.abs(affine[:3, :3]), np.abs(affine[:3, 3])
    center = (np.array(shape[:3]) - 1) / 2
    origins = (np.zeros(3), center)
    return bool(np.allclose(steps, np.eye(3)) and any(np.allclose(origin, o) for o in origins))


def frames_of_volume(
    shape: Sequence[int],
    affine: npt.NDArray[np.float64] | None,
    voxel_sizes: Sequence[float],
    slice_axis: int,
) -> tuple[Frame, ...]:
    """Return one Frame per slice of a 3-D array whose affine maps to RAS in millimeters (NIfTI).

    Slice k is `np.take(array, k, axis=slice_axis)`: its rows are the first of the remaining axes,
    its columns the second. Pixel sizes are None if the affine is a writer's default.
    """
    row_axis, column_axis = (axis for axis in range(3) if axis != slice_axis)
    spacing = (float(voxel_sizes[row_axis]), float(voxel_sizes[column_axis]))
    if affine is None:
        sizes = spacing if min(spacing) > 0 else None
        return tuple(Frame(k + 1, pixel_spacing=sizes) for k in range(shape[slice_axis]))
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    row_step, column_step = lps[:3, row_axis], lps[:3, column_axis]
    orientation = unit_pair((*column_step.tolist(), *row_step.tolist()))
    sizes = None
    if not _is_default(shape, affine):
        sizes = float(np.linalg.norm(row_step)), float(np.linalg.norm(column_step))
    return tuple(
        Frame(k + 1, vector((lps[:3, 3] + k * lps[:3, slice_axis]).tolist()), orientation, sizes)
        for k in range(shape[slice_axis])
    )


def _unit_vector(values: Sequence[float]) -> Vector | None:
    length = math.hypot(*values)
    if not 1e-6 < length < 1e6:
        return None
    x, y, z = (component / length + 0.0 for component in values)
    return x, y, z


def _largest_axis(values: Vector) -> int:
    return max(range(3), key=lambda axis: abs(values[axis]))
