"""Where slices lie and how they stand.

LPS millimetres: x grows to the patient's left, y to the back, z to the head.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from batchmri.records import Display, Frame, Plane, Vector

Orientation = tuple[Vector, Vector]

_SLAB_RATIO = 3  # of a head, no side is three times as long as another
OBLIQUE_BELOW = 0.8  # |component| of the normal: more than 37° off every axis
_PLANES: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")
# Where columns and then rows grow in the picture that radiologists view, per axis of the normal:
# patient right on image left (anterior for sagittal), anterior or head on top.
_SHOWN: tuple[Orientation, Orientation, Orientation] = (
    ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
)


def unit_pair(values: Sequence[float]) -> Orientation | None:
    """Image Orientation (Patient) as two unit vectors; None where it is no plane."""
    if len(values) != 6:
        return None
    column, row = _unit(values[:3]), _unit(values[3:])
    if column is None or row is None or abs(dot(column, row)) > 0.1:
        return None
    return column, row


def vector(values: Sequence[float]) -> Vector | None:
    """Image Position (Patient); None where it is not three numbers."""
    return (values[0], values[1], values[2]) if len(values) == 3 else None


def cross(orientation: Orientation) -> Vector:
    """The vector product of the direction of columns and that of rows."""
    (ax, ay, az), (bx, by, bz) = orientation
    return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """The scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def normal_of(orientation: Orientation) -> Vector:
    """The slice normal, its largest component positive.

    Slices ordered along it go from right to left, from front to back, or from foot to head.
    """
    normal = cross(orientation)
    length = math.hypot(*normal) or 1.0
    sign = math.copysign(1.0, normal[_axis(normal)]) / length
    return normal[0] * sign, normal[1] * sign, normal[2] * sign


def line_through(positions: Iterable[Vector]) -> Vector | None:
    """The direction from one end of the positions to the other, its largest component positive.

    None for fewer than two positions.
    """
    every = sorted(set(positions))
    if len(every) < 2:
        return None
    start = max(every, key=lambda one: math.dist(one, every[0]))
    end = max(every, key=lambda one: math.dist(one, start))
    x, y, z = (b - a for a, b in zip(start, end, strict=True))
    sign = math.copysign(1.0, (x, y, z)[_axis((x, y, z))]) / math.hypot(x, y, z)
    return x * sign, y * sign, z * sign


def plane_of(orientation: Orientation | None) -> Plane:
    """The plane by the largest component of the normal; oblique where that is below 0.8."""
    if orientation is None:
        return ""
    normal = normal_of(orientation)
    axis = _axis(normal)
    return _PLANES[axis] if normal[axis] >= OBLIQUE_BELOW else "oblique"


def display_of(orientation: Orientation | None) -> Display:
    """How stored slices are turned into the view of radiologists.

    Axial: patient right on image left, front on top. Coronal: right on the left, head on top.
    Sagittal: front on the left, head on top. Oblique as the nearest plane, as stored where the
    orientation is not known. Flips and transposition only: nothing is interpolated.
    """
    if orientation is None:
        return Display()
    column, row = orientation
    shown_column, shown_row = _SHOWN[_axis(normal_of(orientation))]
    along = abs(dot(column, shown_column)) + abs(dot(row, shown_row))
    across = abs(dot(row, shown_column)) + abs(dot(column, shown_row))
    transpose = across > along
    if transpose:
        column, row = row, column
    return Display(transpose, dot(row, shown_row) < 0, dot(column, shown_column) < 0)


def shifted(position: Vector, *steps: tuple[Vector, float]) -> Vector:
    """A position moved along directions by millimetres."""
    x, y, z = position
    for (dx, dy, dz), length in steps:
        x, y, z = x + dx * length, y + dy * length, z + dz * length
    return x, y, z


def slice_axis_of(shape: Sequence[int], affine: npt.NDArray[np.float64] | None) -> int:
    """The axis of a 3-D array along which its slices lie.

    The only axis of length 1; else that along which the volume is less than a third as thick, in
    mm, as along the others (a slab: no whole head fits in); else that of the largest voxel size,
    where it exceeds the others by 20 %; else that of less than half the length of the others, where
    all voxel sizes are 1 (they were lost); else the one nearest to head and foot, so that slices
    are axial.
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
    """Whether all voxel sizes say 1 while one axis has less than half the length of the others."""
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    lengths = sorted(shape[:3])
    return bool(np.allclose(sizes, 1.0, atol=1e-3)) and 1 < lengths[0] < lengths[1] / 2


def _is_default(shape: Sequence[int], affine: npt.NDArray[np.float64]) -> bool:
    """Whether it is what writers put who know none: 1 mm along each axis, from 0 or about 0."""
    steps, origin = np.abs(affine[:3, :3]), np.abs(affine[:3, 3])
    about = (np.array(shape[:3]) - 1) / 2
    starts = (np.zeros(3), about)
    return bool(np.allclose(steps, np.eye(3)) and any(np.allclose(origin, s) for s in starts))


def frames_of_volume(
    shape: Sequence[int],
    affine: npt.NDArray[np.float64] | None,
    voxel_sizes: Sequence[float],
    slice_axis: int,
) -> tuple[Frame, ...]:
    """One Frame per slice of a 3-D array whose affine leads to RAS millimetres (NIfTI).

    Slice k is `np.take(array, k, axis=slice_axis)`: its rows are the first of the remaining axes,
    its columns the second. Pixel sizes are None where the affine is the one that writers put by
    default.
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


def _unit(values: Sequence[float]) -> Vector | None:
    length = math.hypot(*values)
    if not 1e-6 < length < 1e6:
        return None
    x, y, z = (component / length + 0.0 for component in values)
    return x, y, z


def _axis(values: Vector) -> int:
    return max(range(3), key=lambda axis: abs(values[axis]))
