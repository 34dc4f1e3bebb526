"""Order slices by the projection of Image Position (Patient) on the slice normal.

The normal points to the left, to the back or to the head (whichever is nearest), so slices run
from right to left, from front to back, or from foot to head. If positions are missing or wrong
(see places.py), slices are ordered by Slice Location, otherwise by Instance Number, file name in
natural order, and frame.
"""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from batchmri.archive.places import SAME_PLACE_MM, Cell, places_of

_GAP = 1.5  # factor of the median distance
_UNEVEN = 0.1  # relative deviation from the median distance
_NUMBERS = re.compile("([0-9]+)")
_NO_POSITIONS = frozenset({"no_positions"})


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices in order, with their positions in mm.

    `further` are images at places that are already taken, `unplaced` those without a position.
    """

    kept: tuple[Cell, ...]
    positions: tuple[float | None, ...]
    further: tuple[Cell, ...] = ()
    unplaced: tuple[Cell, ...] = ()
    spacing: float | None = None
    flags: frozenset[str] = frozenset()


def stacked(cells: Sequence[Cell]) -> Stack:
    """Order the images of one part; the first by Instance Number and source keeps its place."""
    by_number = sorted(cells, key=_acquisition_key)
    places = places_of(by_number)
    if places.source == "number":
        by_number.sort(key=_natural_key)
        return Stack(tuple(by_number), places.along, flags=_NO_POSITIONS)
    placed = list(zip(places.along, by_number, strict=True))
    unplaced = tuple(cell for place, cell in placed if place is None)
    kept, further = _one_per_place([(place, cell) for place, cell in placed if place is not None])
    flags = frozenset({"multi_volume"} if further else ())
    order = tuple(cell for _, cell in kept)
    if places.source == "location":
        return Stack(order, (None,) * len(order), further, flags=flags | _NO_POSITIONS)
    positions = tuple(position for position, _ in kept)
    spacing, more = _spacing(positions)
    return Stack(order, positions, further, unplaced, spacing, flags | more)


def _acquisition_key(cell: Cell) -> tuple[bool, int, str, int, tuple[int, ...]]:
    number = cell.instance.instance_number
    tile = cell.frame.tile or ()
    return number is None, number or 0, cell.instance.source, cell.frame.number, tile


def _natural_key(cell: Cell) -> tuple[object, ...]:
    number = cell.instance.instance_number
    runs = enumerate(_NUMBERS.split(cell.instance.source))  # alternating text and digits
    name = [int(run) if index % 2 else run for index, run in runs]
    return number is None, number or 0, name, cell.frame.number, cell.frame.tile or ()


def _one_per_place(
    placed: list[tuple[float, Cell]],
) -> tuple[list[tuple[float, Cell]], tuple[Cell, ...]]:
    """Return the first image at each place, and the others, both by `_acquisition_key`."""
    kept: list[tuple[float, Cell]] = []
    further: list[Cell] = []
    start = -float("inf")
    for position, cell in sorted(placed, key=lambda one: (one[0], _acquisition_key(one[1]))):
        if position - start > SAME_PLACE_MM:
            kept.append((position, cell))
            start = position
        elif _acquisition_key(cell) < _acquisition_key(kept[-1][1]):
            further.append(kept[-1][1])
            kept[-1] = (position, cell)
        else:
            further.append(cell)
    return kept, tuple(sorted(further, key=_acquisition_key))


def _spacing(positions: Sequence[float]) -> tuple[float | None, frozenset[str]]:
    steps = [after - before for before, after in pairwise(positions)]
    if not steps:
        return None, frozenset()
    median = statistics.median_low(steps)
    if max(steps) > _GAP * median:
        return round(median, 4), frozenset({"gap"})
    uneven = any(abs(step - median) > _UNEVEN * median for step in steps)
    return round(median, 4), frozenset({"uneven_spacing"} if uneven else ())
