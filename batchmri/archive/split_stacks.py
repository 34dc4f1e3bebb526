"""Split a series into parts: one series UID may contain several stacks of slices.

Orientation, matrix size, echo and component (magnitude, phase, water …) always separate parts.
Time points (and b-values) separate parts if the same place was imaged at several of them: the first
is classified, the others are refused as `further_volume`. If no place was imaged twice, the time
points in the headers are ignored.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from batchmri.archive.places import SAME_PLACE_MM, Cell, places_of
from batchmri.geometry import Orientation, normal_of
from batchmri.identifiers import part_name
from batchmri.reasons import Reason

_SAME_DIRECTION = 0.02  # largest difference of a direction cosine: about one degree
_MAX_STACKS = 8  # a series with more orientations, of few slices each, has no stacks
_MIN_SLICES_PER_STACK = 3
_MAX_ORIENTATIONS = 64


@dataclass(frozen=True, slots=True)
class Part:
    """The images of one stack, not yet ordered; `name` is empty if the series has one part."""

    name: str
    cells: tuple[Cell, ...]
    rows: int
    columns: int
    echo_time: float | None = None
    flags: frozenset[str] = frozenset()
    refusal: Reason | None = None
    detail: str = ""


class _Group(NamedTuple):
    """Fields that all images of one stack share; sorting time points sorts them chronologically.

    The repr of a group enters the name of its part: renaming the class or a field changes names.
    """

    orientation: Orientation | None
    rows: int
    columns: int
    echo: str
    component: str
    time_point: str = ""


def parts_of(cells: Sequence[Cell]) -> list[Part]:
    """Return the stacks of a series; the result does not depend on the order of `cells`."""
    orientations = _distinct({c.frame.orientation for c in cells if c.frame.orientation})
    if len(orientations) > _MAX_ORIENTATIONS:
        return [_mixed_geometry_part(cells)]
    groups: dict[_Group, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[_group_of(cell, orientations)].append(cell)
    if len(orientations) > _MAX_STACKS and len(cells) < _MIN_SLICES_PER_STACK * len(groups):
        return [_mixed_geometry_part(cells)]
    split = _split_by_time(groups)
    whole = len(split) == 1
    several = _count_planes(orientations) > 1
    return [
        _part(group, members, whole, further, several)
        for group, members, further in sorted(split, key=lambda one: _sort_key(one[0]))
    ]


def _part(
    group: _Group, cells: list[Cell], whole: bool, further: bool | None, several_planes: bool
) -> Part:
    flags = {"multi_volume"} if further is False else set()
    if several_planes:
        flags.add("several_planes")
    return Part(
        name="" if whole else _name(group),
        cells=tuple(cells),
        rows=group.rows,
        columns=group.columns,
        echo_time=_parse_echo_time(group.echo),
        flags=frozenset(flags),
        refusal=Reason.FURTHER_VOLUME if further else None,
        detail=_time_point_detail(group.time_point) if further else "",
    )


def _time_point_detail(time_point: str) -> str:
    names = {"b": "b-value", "t": "time point"}
    return ", ".join(f"{names[word[0]]} {int(word[1:])}" for word in time_point.split())


def _group_of(cell: Cell, orientations: list[Orientation]) -> _Group:
    instance, frame = cell
    orientation = frame.orientation and next(
        known for known in orientations if _same_orientation(known, frame.orientation)
    )
    if frame.orientation is None and frame.position and len(orientations) == 1:
        (orientation,) = orientations
    rows, columns = frame.tile[2:] if frame.tile else (instance.rows, instance.columns)
    return _Group(orientation, rows, columns, frame.echo, frame.component)


def _distinct(orientations: "set[Orientation]") -> list[Orientation]:
    """Return one representative of orientations within about a degree: the first in sorted order.

    At most `_MAX_ORIENTATIONS` + 1 are returned.
    """
    known: list[Orientation] = []
    for orientation in sorted(orientations):
        if len(known) > _MAX_ORIENTATIONS:
            break
        if not any(_same_orientation(other, orientation) for other in known):
            known.append(orientation)
    return known


def _same_orientation(one: Orientation, other: Orientation) -> bool:
    return one == other or all(
        abs(a - b) <= _SAME_DIRECTION
        for first, second in zip(one, other, strict=True)
        for a, b in zip(first, second, strict=True)
    )


def _split_by_time(
    groups: dict[_Group, list[Cell]],
) -> list[tuple[_Group, list[Cell], bool | None]]:
    """Return groups with their cells, and whether they are a further volume (None: only one)."""
    split: list[tuple[_Group, list[Cell], bool | None]] = []
    for group, cells in groups.items():
        by_time: dict[str, list[Cell]] = defaultdict(list)
        for cell in cells:
            by_time[cell.frame.time_point].append(cell)
        if len(by_time) == 1 or not _places_recur(by_time):
            split.append((group, cells, None))
            continue
        first = min(by_time)
        split += [
            (group._replace(time_point=time), members, time != first)
            for time, members in by_time.items()
        ]
    return split


def _places_recur(by_time: dict[str, list[Cell]]) -> bool:
    """Return whether a place occurs at several time points; true if places are unknown."""
    along = iter(places_of([cell for members in by_time.values() for cell in members]).along)
    seen: set[int] = set()
    for members in by_time.values():
        places = {
            round(place / SAME_PLACE_MM)
            for place in islice(along, len(members))
            if place is not None
        }
        if not places or places & seen:
            return True
        seen |= {near for place in places for near in (place - 1, place, place + 1)}
    return False


def _mixed_geometry_part(cells: Sequence[Cell]) -> Part:
    first = min(cells, key=lambda cell: (cell.instance.source, cell.frame.number))
    return Part(
        name="",
        cells=tuple(cells),
        rows=first.instance.rows,
        columns=first.instance.columns,
        refusal=Reason.MIXED_GEOMETRY,
        detail="hardly any two slices are parallel",
    )


def _count_planes(orientations: list[Orientation]) -> int:
    axes = set()
    for orientation in orientations:
        normal = normal_of(orientation)
        axes.add(max(range(3), key=lambda axis: abs(normal[axis])))
    return len(axes)


def _name(group: _Group) -> str:
    return part_name(repr(_rounded(group)))


def _sort_key(group: _Group) -> tuple[object, ...]:
    orientation = group.orientation or ()
    return (len(orientation), orientation, *group[1:])


def _rounded(group: _Group) -> _Group:
    if group.orientation is None:
        return group
    column, row = (
        tuple(round(component, 2) + 0.0 for component in vector) for vector in group.orientation
    )
    return group._replace(orientation=(column, row))  # type: ignore[arg-type]


def _parse_echo_time(echo: str) -> float | None:
    try:
        return float(echo)
    except ValueError:  # empty, or an echo number without a time
        return None
