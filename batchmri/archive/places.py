"""Where the images of one stack lie along its normal, as far as their headers can be trusted.

Image Position (Patient) comes first. It cannot be trusted where Slice Location tells images apart
that it does not: some exports write one position into every slice, or round positions. If all
images have one position and Slice Location does not help, the order of Instance Numbers is taken
as that of the slices, unless every image has an Acquisition Number or Trigger Time of its own:
then one place was imaged repeatedly.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from batchmri.geometry import dot, line_through, normal_of
from batchmri.records import Frame, Instance, Vector

SAME_PLACE_MM = 0.1  # motion correction moves slices by less, no slices lie closer


class Cell(NamedTuple):
    """One image: a frame of an instance."""

    instance: Instance
    frame: Frame


class Places(NamedTuple):
    """One value per image, in mm along the normal; all None where only numbers give an order."""

    along: tuple[float | None, ...]
    source: Literal["position", "location", "number"]


def places_of(cells: Sequence[Cell]) -> Places:
    """The places of images of one orientation, in the order of `cells`."""
    positions, locations = _positions(cells), _locations(cells)
    if locations is not None and _tells_more(locations, positions):
        return Places(tuple(locations), "location")
    known = [position for position in positions if position is not None]
    if len(known) * 2 <= len(cells) or (_is_one_place(known) and not _are_repeats(cells)):
        return Places((None,) * len(cells), "number")
    return Places(tuple(positions), "position")


def _positions(cells: Sequence[Cell]) -> list[float | None]:
    normal = _normal(cells)
    return [
        dot(cell.frame.position, normal) if normal and cell.frame.position else None
        for cell in cells
    ]


def _normal(cells: Sequence[Cell]) -> Vector | None:
    """One normal for all, though orientations differ by a hair: of the first in sorted order.

    Without any orientation, the direction from one end of the positions to the other.
    """
    orientations = [cell.frame.orientation for cell in cells if cell.frame.orientation]
    if orientations:
        return normal_of(min(orientations))
    return line_through({cell.frame.position for cell in cells if cell.frame.position})


def _locations(cells: Sequence[Cell]) -> list[float] | None:
    """Slice Locations, where every image has one and they make whole volumes."""
    locations = [cell.frame.slice_location for cell in cells]
    known = [location for location in locations if location is not None]
    if len(known) < len(cells) or _is_one_place(known) or not _is_even(known):
        return None
    return known


def _tells_more(locations: Sequence[float], positions: Sequence[float | None]) -> bool:
    """Whether locations tell images apart that positions do not, and positions do not contradict.

    They contradict where they repeat as the volumes of a series do, in another order.
    """
    known = [position for position in positions if position is not None]
    if len(set(_places(locations))) <= len(set(_places(known))):
        return False
    pairs = sorted((a, b) for a, b in zip(locations, positions, strict=True) if b is not None)
    steps = [after[1] - before[1] for before, after in pairwise(pairs)]
    rises = all(step >= -SAME_PLACE_MM for step in steps)
    falls = all(step <= SAME_PLACE_MM for step in steps)
    return rises or falls or not _is_even(known)


def _places(values: Sequence[float]) -> list[int]:
    """The number of the place of each value; values within SAME_PLACE_MM share one."""
    numbers: dict[float, int] = {}
    start = -float("inf")
    number = -1
    for value in sorted(values):
        if value - start > SAME_PLACE_MM:
            start, number = value, number + 1
        numbers[value] = number
    return [numbers[value] for value in values]


def _is_one_place(values: Sequence[float]) -> bool:
    return len(set(_places(values))) < 2


def _is_even(values: Sequence[float]) -> bool:
    """Whether every place is taken equally often."""
    return len(set(Counter(_places(values)).values())) <= 1


def _are_repeats(cells: Sequence[Cell]) -> bool:
    """Whether images of one position show one slice.

    Each was acquired at a time of its own, or all agree in Slice Location and number: copies that
    were given new UIDs.
    """
    if len({cell.instance.acquisition for cell in cells}) == len(cells):
        return True
    (stated, *others) = {
        (c.frame.slice_location, c.instance.instance_number, c.frame.number) for c in cells
    }
    return not others and None not in stated
