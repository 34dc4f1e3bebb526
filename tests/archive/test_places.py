"""Order of slices whose positions are missing, all the same, or too coarse."""

import random
from dataclasses import replace
from typing import Any

import pytest

from batchmri.archive.assembly import assemble
from batchmri.reasons import Reason
from batchmri.records import Instance, Series, Study
from tests.builders import instance

SAME = (-110.5, -98.2, 34.7)
# Position of each slice; the order of files and instance numbers is different.
LOCATIONS = [3, 1, 4, 8, 5, 2, 6, 7]


def _study(instances: list[Instance]) -> Study:
    shuffled = list(instances)
    random.Random(1).shuffle(shuffled)
    (study,) = assemble(shuffled, {})
    return study


def _series(instances: list[Instance]) -> Series:
    (series,) = _study(instances).series
    return series


def _order(series: Series) -> list[int]:
    return [int(ref.instance_uid.rpartition(".")[2]) for ref in series.slices]


def _located(**fields: Any) -> list[Instance]:
    return [
        instance(n, slice_location=5.0 * place - 20, **fields)
        for n, place in enumerate(LOCATIONS, 1)
    ]


BY_LOCATION = [2, 6, 1, 3, 5, 7, 8, 4]


@pytest.mark.parametrize(
    "fields",
    [
        {"position": SAME},
        {"position": None},
        {"position": None, "orientation": None},
        {"position": None, "orientation": None, "instance_number": None},
        {"position": SAME, "instance_number": None},
        {"position": SAME, "instance_number": 1},
        {"position": SAME, "acquisition": "n1"},
    ],
)
def test_slice_location_orders_where_positions_do_not(fields) -> None:
    series = _series(_located(**fields))
    assert _order(series) == BY_LOCATION
    assert series.flags == ("no_positions",)
    assert {ref.position_mm for ref in series.slices} == {None}


@pytest.mark.parametrize("location", [None, 0.0])
@pytest.mark.parametrize("position", [SAME, None])
def test_instance_numbers_order_where_slice_locations_do_not(location, position) -> None:
    slices = [
        instance(n, position=position, slice_location=location, source=f"root/{20 - n:02d}")
        for n in range(1, 9)
    ]
    series = _series(slices)
    assert (_order(series), series.flags) == ([1, 2, 3, 4, 5, 6, 7, 8], ("no_positions",))


@pytest.mark.parametrize("number", [None, 1])
def test_file_names_order_where_nothing_else_does(number) -> None:
    slices = [
        instance(n, position=SAME, instance_number=number, source=f"root/IM{n}.dcm")
        for n in range(1, 13)
    ]
    assert _order(_series(slices)) == list(range(1, 13))


def test_slice_locations_in_only_some_files_are_ignored() -> None:
    slices = _located(position=SAME)
    frame = replace(slices[3].frames[0], slice_location=None)
    series = _series([*slices[:3], replace(slices[3], frames=(frame,)), *slices[4:]])
    assert _order(series) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_rounded_positions_are_refined_by_slice_location() -> None:
    slices = [
        instance(n, z=10.0 * (place // 2), slice_location=-5.0 * place)
        for n, place in enumerate(LOCATIONS, 1)
    ]
    series = _series(slices)
    assert (_order(series), series.flags) == (BY_LOCATION[::-1], ("no_positions",))


def test_zero_positions_are_ignored() -> None:
    slices = [
        instance(n, z=0.0 if place in (3, 6, 7) else 5.0 * place, slice_location=5.0 * place)
        for n, place in enumerate(LOCATIONS, 1)
    ]
    assert _order(_series(slices)) == BY_LOCATION


def test_a_slice_without_position_is_placed_by_slice_location() -> None:
    slices = [
        instance(
            n,
            position=None if place == 3 else (0.0, 0.0, 5.0 * place),
            slice_location=5.0 * place,
        )
        for n, place in enumerate(LOCATIONS, 1)
    ]
    study = _study(slices)
    assert (_order(study.series[0]), study.left_out) == (BY_LOCATION, ())


def test_increasing_slice_locations_of_repeated_volumes_are_ignored() -> None:
    """Two volumes of five slices: Slice Location keeps increasing, positions repeat."""
    slices = [instance(n, z=5.0 * ((n - 1) % 5), slice_location=float(n)) for n in range(1, 11)]
    study = _study(slices)
    assert (_order(study.series[0]), study.series[0].flags) == ([1, 2, 3, 4, 5], ("multi_volume",))
    assert {note.reason for note in study.left_out} == {Reason.FURTHER_VOLUME}


def test_nearly_equal_slice_locations_are_one_place() -> None:
    slices = [
        instance(n, z=5.0 * ((n - 1) % 5), slice_location=5.0 * ((n - 1) % 5) + n / 200)
        for n in range(1, 11)
    ]
    series = _study(slices).series[0]
    assert (_order(series), series.flags) == ([1, 2, 3, 4, 5], ("multi_volume",))


def test_partly_equal_slice_locations_are_ignored() -> None:
    slices = [instance(n, position=SAME, slice_location=max(0.0, 5.0 - n)) for n in range(1, 9)]
    assert _order(_series(slices)) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_slice_location_separates_two_volumes_with_one_position() -> None:
    slices = [instance(n, position=SAME, slice_location=float((n - 1) % 6)) for n in range(1, 13)]
    series = _study(slices).series[0]
    assert _order(series) == [1, 2, 3, 4, 5, 6]
    assert series.flags == ("multi_volume", "no_positions")


def test_time_points_with_identical_positions() -> None:
    slices = [
        instance(10 * t + n, position=SAME, slice_location=float(-n), time_point=f"t{t:06d}")
        for t in (1, 2)
        for n in range(1, 7)
    ]
    first, second = sorted(_study(slices).series, key=lambda one: one.refusal is not None)
    assert _order(first) == [16, 15, 14, 13, 12, 11]
    assert (second.refusal, len(second.slices)) == (Reason.FURTHER_VOLUME, 6)


def test_a_time_point_per_slice_with_identical_positions() -> None:
    slices = [
        instance(n, position=SAME, slice_location=float(n), time_point=f"t{n:06d}")
        for n in range(1, 9)
    ]
    assert len(_series(slices).slices) == 8


def test_repeated_images_of_one_position_are_not_a_stack() -> None:
    """A cine of one slice: each image has a different trigger time."""
    slices = [
        instance(n, position=SAME, slice_location=4.0, acquisition=f"n1 t{33.0 * n:g}")
        for n in range(1, 21)
    ]
    study = _study(slices)
    assert (_order(study.series[0]), study.series[0].flags) == ([1], ("multi_volume",))


def test_copies_of_one_slice_with_new_uids_are_not_a_stack() -> None:
    slices = [
        instance(n, position=SAME, slice_location=4.0, instance_number=7) for n in range(1, 7)
    ]
    series = _study(slices).series[0]
    assert (_order(series), series.flags) == ([1], ("multi_volume",))


def test_frames_with_one_position_are_ordered_by_number() -> None:
    (frame,) = instance(1, position=SAME).frames
    frames = tuple(replace(frame, number=n) for n in range(1, 9))
    series = _series([replace(instance(1), frames=frames)])
    assert [ref.frame for ref in series.slices] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert series.flags == ("no_positions",)


def test_positions_order_without_orientation() -> None:
    slices = [
        instance(n, orientation=None, z=5.0 * place, instance_number=n)
        for n, place in enumerate(LOCATIONS, 1)
    ]
    series = _series(slices)
    assert (_order(series), series.flags, series.plane) == (BY_LOCATION, (), "")
    assert series.slice_spacing == 5.0


def test_a_slice_without_orientation_belongs_to_the_stack() -> None:
    slices = [
        instance(n, z=5.0 * n, **({"orientation": None} if n in (1, 4) else {}))
        for n in range(1, 9)
    ]
    series = _series(slices)
    assert (_order(series), series.flags, series.plane) == ([1, 2, 3, 4, 5, 6, 7, 8], (), "axial")
