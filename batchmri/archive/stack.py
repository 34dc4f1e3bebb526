"""The order of slices: by the projection of Image Position (Patient) on the slice normal.

The normal points to the left, to the back or to the head (whichever it is nearest to), so slices
run from right to left, from front to back, or from foot to head. Where positions are missing, by
Instance Number and frame.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from batchmri.archive.geometry import dot, normal_of
from batchmri.archive.parts import SAME_PLACE_MM, Cell
from batchmri.records import Vector

_GAP = 1.5  # of the usual distance
_UNEVEN = 0.1  # off the usual distance


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices in order with their positions in mm; images at places that were taken already."""

    kept: tuple[Cell, ...]
    positions: tuple[float | None, ...]
    further: tuple[Cell, ...] = ()
    unplaced: tuple[Cell, ...] = ()
    spacing: float | None = None
    flags: frozenset[str] = frozenset()


def stacked(cells: Sequence[Cell]) -> Stack:
    """Order the images of one part; the first taken (Instance Number, source) keeps its place."""
    by_number = sorted(cells, key=_taken)
    normal = _normal(cells)
    placed = [
        (dot(cell.frame.position, normal), cell)
        for cell in by_number
        if normal and cell.frame.position
    ]
    if len(placed) * 2 <= len(cells):
        flags = frozenset({"no_positions"})
        return Stack(tuple(by_number), (None,) * len(by_number), flags=flags)
    unplaced = tuple(cell for cell in by_number if cell.frame.position is None)
    kept, further = _one_per_place(placed)
    positions = tuple(position for position, _ in kept)
    spacing, flags = _spacing(positions)
    if further:
        flags |= {"multi_volume"}
    return Stack(tuple(cell for _, cell in kept), positions, further, unplaced, spacing, flags)


def _taken(cell: Cell) -> tuple[bool, int, str, int, tuple[int, ...]]:
    number = cell.instance.instance_number
    tile = cell.frame.tile or ()
    return number is None, number or 0, cell.instance.source, cell.frame.number, tile


def _normal(cells: Sequence[Cell]) -> Vector | None:
    """One normal for all, though orientations differ by a hair: of the first in sorted order."""
    orientations = [cell.frame.orientation for cell in cells if cell.frame.orientation]
    return normal_of(min(orientations)) if orientations else None


def _one_per_place(
    placed: list[tuple[float, Cell]],
) -> tuple[list[tuple[float, Cell]], tuple[Cell, ...]]:
    """The first taken at each place, and the others in the order they were taken."""
    kept: list[tuple[float, Cell]] = []
    further: list[Cell] = []
    start = -float("inf")
    for position, cell in sorted(placed, key=lambda one: (one[0], _taken(one[1]))):
        if position - start > SAME_PLACE_MM:
            kept.append((position, cell))
            start = position
        elif _taken(cell) < _taken(kept[-1][1]):
            further.append(kept[-1][1])
            kept[-1] = (position, cell)
        else:
            further.append(cell)
    return kept, tuple(sorted(further, key=_taken))


def _spacing(positions: Sequence[float]) -> tuple[float | None, frozenset[str]]:
    steps = [after - before for before, after in pairwise(positions)]
    if not steps:
        return None, frozenset()
    usual = statistics.median_low(steps)
    if max(steps) > _GAP * usual:
        return round(usual, 4), frozenset({"gap"})
    uneven = any(abs(step - usual) > _UNEVEN * usual for step in steps)
    return round(usual, 4), frozenset({"uneven_spacing"} if uneven else ())
