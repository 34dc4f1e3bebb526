"""Slices that each have a different SeriesInstanceUID are joined to one series."""

from dataclasses import replace
from typing import Any

import pytest

from batchmri.archive.assembly import assemble
from batchmri.header import Header
from batchmri.reasons import Reason
from batchmri.records import Instance, Series
from tests.builders import instance

HEADER = Header(
    modality="MR", series_description="T1", series_number=4, scanning_sequence="SE",
    echo_time=9.0, repetition_time=500.0,
)  # fmt: skip


def _slices(count: int = 8, **fields: Any) -> list[Instance]:
    values = {"header": HEADER, **fields}
    return [instance(n, series_uid=f"1.2.3.0.{n}", **values) for n in range(1, count + 1)]


def _series(instances: list[Instance]) -> list[Series]:
    (study,) = assemble(instances, {})
    assert assemble(instances[::-1], {}) == [study]
    return list(study.series)


def test_a_series_uid_per_slice_is_one_series() -> None:
    (series,) = _series(_slices())
    assert [ref.instance_uid for ref in series.slices] == [f"1.2.3.{n}" for n in range(1, 9)]
    assert series.flags == ("series_joined", "uid_replaced")
    assert (series.slice_spacing, series.n_files) == (5.0, 8)
    assert series.key.series_uid.startswith("2.25.")


def test_joined_uid_is_stable_when_more_slices_arrive() -> None:
    assert _series(_slices(6))[0].key == _series(_slices(9))[0].key


def test_copies_and_damaged_copies_in_a_joined_series() -> None:
    slices = _slices()
    copy = replace(slices[2], source="root/z")
    damaged = replace(slices[4], source="root/y", refusal=Reason.TRUNCATED, frames=())
    (study,) = assemble([*slices, copy, damaged], {})
    assert len(study.series[0].slices) == 8
    assert [note.reason for note in study.left_out] == [Reason.DUPLICATE_INSTANCE] * 2


def test_joined_series_with_identical_positions() -> None:
    (series,) = _series(_slices(position=(0.0, 0.0, 0.0)))
    assert len(series.slices) == 8
    assert series.flags == ("no_positions", "series_joined", "uid_replaced")


def test_joined_series_with_identical_sop_instance_uids() -> None:
    (series,) = _series(_slices(instance_uid="1.9"))
    assert len({ref.instance_uid for ref in series.slices}) == 8


def test_joined_echoes_with_shared_or_separate_series_uids() -> None:
    first = _slices(echo="9.0")
    late = replace(HEADER, echo_time=90.0)
    same = [
        replace(one, instance_uid=f"{one.instance_uid}.2", source=f"{one.source}.2", header=late,
                instance_number=20 + n, frames=(replace(one.frames[0], echo="90.0"),))
        for n, one in enumerate(first)
    ]  # fmt: skip
    apart = [replace(one, series_uid=f"{one.series_uid}.2") for one in same]
    for second in (same, apart):
        found = _series([*first, *second])
        assert [len(series.slices) for series in found] == [8, 8]
        assert sorted(series.header.echo_time or 0 for series in found) == [9.0, 90.0]
        assert len({series.key.series_uid for series in found}) == 1


@pytest.mark.parametrize(
    "header",
    [
        {"series_description": "T2"},
        {"series_number": 5},
        {"scanning_sequence": "GR"},
        {"repetition_time": 3000.0},
        {"inversion_time": 900.0},
        {"image_type": ("DERIVED",)},
        {"contrast_agent": True},
        {"modality": "CT"},
    ],
)
def test_series_with_different_headers_are_not_joined(header) -> None:
    other = [
        instance(n, series_uid=f"1.2.3.0.{n}", header=replace(HEADER, **header))
        for n in range(21, 29)
    ]
    assert [len(series.slices) for series in _series([*_slices(), *other])] == [8, 8]
    (alone,) = [s for s in _series([*_slices(), other[0]]) if len(s.slices) == 1]
    assert alone.key.series_uid == "1.2.3.0.21"
    assert "series_joined" not in alone.flags


@pytest.mark.parametrize(
    "fields",
    [
        {"count": 4},
        {"header": replace(HEADER, series_number=None, series_description="")},
        {"position": None},
        {"position": None, "orientation": None},
    ],
)
def test_too_few_or_too_different_slices_are_not_joined(fields) -> None:
    found = _series(_slices(**fields))
    assert {len(series.slices) for series in found} == {1}
    assert not any("series_joined" in series.flags for series in found)


def test_slices_of_several_orientations_are_not_joined() -> None:
    """The planes of a localizer, one image each."""
    axes = [
        ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
        ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    ]
    slices = [replace(one, frames=(replace(one.frames[0], orientation=axes[n % 3]),))
              for n, one in enumerate(_slices())]  # fmt: skip
    assert {len(series.slices) for series in _series(slices)} == {1}


def test_complete_series_with_one_series_number_are_not_joined() -> None:
    whole = [instance(n, header=HEADER) for n in range(1, 9)]
    again = [instance(n, header=HEADER, series_uid="1.2.3.9", z=5.0 * n) for n in range(11, 19)]
    assert {s.key.series_uid for s in _series([*whole, *again])} == {"1.2.3.0", "1.2.3.9"}
    flat = [instance(n, header=HEADER, series_uid=f"1.2.3.{n % 5}", position=(0.0, 0.0, 0.0))
            for n in range(1, 26)]  # fmt: skip
    assert len(_series(flat)) == 5
