"""Positions of the images of one stack along its normal, as far as headers can be trusted.

Image Position (Patient) takes precedence. It is not trusted if images with different Slice
Locations have the same position: some exports write one position into every slice, or round
positions. If all images have one position and Slice Location does not help either, slices are
ordered by Instance Number, unless every image has a different Acquisition Number or Trigger Time:
then one place was imaged repeatedly.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from batchmri.geometry import dot, line_through, normal_of
from batchmri.records import Frame, Instance, Vector

SAME_PLACE_MM = 0.1  # motion correction moves slices by less; no two slices are closer


class Cell(NamedTuple):
    """One image: a frame of an instance."""

    instance: Instance
    frame: Frame


class Places(NamedTuple):
    """One value per image, in mm along the normal; all None if only numbers give the order."""

    along: tuple[float | None, ...]
    source: Literal["position", "location", "number"]


def places_of(cells: Sequence[Cell]) -> Places:
    """Return the places of images of one orientation, in the order of `cells`."""
    positions, locations = _positions(cells), _locations(cells)
    if locations is not None and _distinguish_more(locations, positions):
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
    """Return one normal for all images: that of the first orientation in sorted order.

    Orientations differ slightly. If no image has one, the direction from the first to the last
    position is used.
    """
    orientations = [cell.frame.orientation for cell in cells if cell.frame.orientation]
    if orientations:
        return normal_of(min(orientations))
    return line_through({cell.frame.position for cell in cells if cell.frame.position})


def _locations(cells: Sequence[Cell]) -> list[float] | None:
    """Return the Slice Locations if every image has one and they form complete volumes."""
    locations = [cell.frame.slice_location for cell in cells]
    known = [location for location in locations if location is not None]
    if len(known) < len(cells) or _is_one_place(known) or not _is_evenly_filled(known):
        return None
    return known


def _distinguish_more(locations: Sequence[float], positions: Sequence[float | None]) -> bool:
    """Return whether locations distinguish more images than positions, without contradiction.

    Positions contradict locations if they are in a different order and every position occurs
    equally often, as in a series of several volumes.
    """
    known = [position for position in positions if position is not None]
    if len(set(_place_numbers(locations))) <= len(set(_place_numbers(known))):
        return False
    pairs = sorted((a, b) for a, b in zip(locations, positions, strict=True) if b is not None)
    steps = [after[1] - before[1] for before, after in pairwise(pairs)]
    rises = all(step >= -SAME_PLACE_MM for step in steps)
    falls = all(step <= SAME_PLACE_MM for step in steps)
    return rises or falls or not _is_evenly_filled(known)


def _place_numbers(values: Sequence[float]) -> list[int]:
    """Return the number of the place of each value; values within SAME_PLACE_MM share one."""
    numbers: dict[float, int] = {}
    start = -float("inf")
    number = -1
    for value in sorted(values):
        if value - start > SAME_PLACE_MM:
            start, number = value, number + 1
        numbers[value] = number
    return [numbers[value] for value in values]


def _is_one_place(values: Sequence[float]) -> bool:
    return len(set(_place_numbers(values))) < 2


def _is_evenly_filled(values: Sequence[float]) -> bool:
    """Return whether every place occurs equally often."""
    return len(set(Counter(_place_numbers(values)).values())) <= 1


def _are_repeats(cells: Sequence[Cell]) -> bool:
    """Return whether images with one position show one slice.

    Either each was acquired at a different time, or all have the same Slice Location and number:
    they are copies with new UIDs.
    """
    if len({cell.instance.acquisition for cell in cells}) == len(cells):
        return True
    (stated, *others) = {
        (c.frame.slice_location, c.instance.instance_number, c.frame.number) for c in cells
    }
    return not others and None not in stated
