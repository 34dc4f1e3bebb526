import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmri.archive.assembly import assemble
from batchmri.header import Header
from batchmri.reasons import Reason
from batchmri.records import Instance, Series, Study
from batchmri.terms.coded_values import MR_CLASSES, MR_IMAGE
from tests.builders import instance

SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))


def _study(instances: list[Instance]) -> Study:
    (study,) = assemble(instances, {})
    return study


def _series(instances: list[Instance]) -> Series:
    (series,) = _study(instances).series
    return series


def _left_out(study: Study) -> list[tuple[str, Reason]]:
    return [(note.source, note.reason) for note in study.left_out]


def test_slices_are_ordered_by_position_not_by_instance_number() -> None:
    places = [3, 1, 4, 0, 2]
    series = _series([instance(n, z=10.0 * place) for n, place in enumerate(places, 1)])
    assert [ref.instance_uid[-1] for ref in series.slices] == ["4", "2", "5", "1", "3"]
    assert [ref.index for ref in series.slices] == [0, 1, 2, 3, 4]
    assert [ref.position_mm for ref in series.slices] == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert (series.plane, series.slice_spacing, series.flags) == ("axial", 10.0, ())
    assert (series.n_files, series.n_slices, series.source, series.key.part) == (5, 5, "root", "")


def _mixed() -> list[Instance]:
    """Instances of all kinds that one study UID may contain."""
    stack = [instance(n) for n in range(1, 9)]
    return [
        *stack,
        replace(stack[0], source="root/copy.dcm"),
        *(instance(n, z=5.0 * (n - 10), time_point="t000002", echo="30.0") for n in range(11, 19)),
        *(instance(n, z=5.0 * (n - 20), time_point="t000001", echo="30.0") for n in range(21, 29)),
        *(instance(n, position=(n, 0.0, 0.0), orientation=SAGITTAL) for n in range(31, 36)),
        instance(41, refusal=Reason.COLOR, frames=()),
        instance(42, series_uid="1.9", refusal=Reason.NO_PIXEL_DATA, frames=()),
        instance(51, patient="p2"),
        instance(52, patient=""),
        *(instance(n, series_uid="1.8", position=None) for n in range(61, 66)),
    ]


@given(st.randoms(use_true_random=False))
def test_result_does_not_depend_on_file_order(chance: random.Random) -> None:
    shuffled = _mixed()
    chance.shuffle(shuffled)
    versions = {one.source: "1" for one in shuffled}
    assert assemble(shuffled, versions) == assemble(_mixed(), versions)


def test_every_file_is_counted_once() -> None:
    studies = assemble(_mixed(), {})
    assert sum(series.n_files for study in studies for series in study.series) == len(_mixed())
    keys = [series.key for study in studies for series in study.series]
    assert len(keys) == len(set(keys))
    assert {note.key for study in studies for note in study.left_out} <= set(keys)


def test_duplicates_count_once_as_a_slice() -> None:
    stack = [instance(n) for n in range(1, 6)]
    study = _study([*stack, replace(stack[1], source="other/2.dcm")])
    assert len(study.series[0].slices) == 5
    assert _left_out(study) == [("root/0002.dcm", Reason.DUPLICATE_INSTANCE)]
    assert study.series[0].n_files == 6


def test_intact_copy_is_preferred_to_a_damaged_one() -> None:
    stack = [instance(n) for n in range(1, 6)]
    damaged = replace(stack[1], source="a/2.dcm", refusal=Reason.TRUNCATED, frames=())
    study = _study([damaged, *stack])
    assert len(study.series[0].slices) == 5
    assert _left_out(study) == [("a/2.dcm", Reason.DUPLICATE_INSTANCE)]


def _without_pixels(number: int, sop_class: str = MR_IMAGE) -> Instance:
    """An object without Pixel Data whose header states 64 x 64 pixels."""
    return instance(
        number,
        refusal=Reason.NO_PIXEL_DATA,
        frames=(),
        rows=64,
        columns=64,
        header=Header(modality="MR", sop_class=sop_class),
    )


@pytest.mark.parametrize("sop_class", sorted(MR_CLASSES))
def test_an_image_cut_right_before_its_pixels_is_truncated(sop_class: str) -> None:
    study = _study([*(instance(n) for n in range(1, 6)), _without_pixels(6, sop_class)])
    assert _left_out(study) == [("root/0006.dcm", Reason.TRUNCATED)]
    assert "incomplete" in study.series[0].flags
    assert "before its pixels" in study.left_out[0].detail


def test_objects_that_never_have_pixels_are_not_truncated() -> None:
    report = replace(_without_pixels(6, "1.2.840.10008.5.1.4.1.1.88.11"), rows=0, columns=0)
    spectra = _without_pixels(7, "1.2.840.10008.5.1.4.1.1.4.2")
    study = _study([*(instance(n) for n in range(1, 6)), report, spectra])
    assert {reason for _, reason in _left_out(study)} == {Reason.NO_PIXEL_DATA}
    headers_only = _series([_without_pixels(n) for n in range(1, 6)])
    assert headers_only.refusal is Reason.NO_PIXEL_DATA


def test_a_series_spread_over_folders_is_joined() -> None:
    spread = [replace(instance(n), source=f"root/disk{n % 2}/{n}.dcm") for n in range(1, 7)]
    series = _series(spread)
    assert (len(series.slices), series.source, series.flags) == (6, "root", ())


@pytest.mark.parametrize(
    ("places", "flags", "spacing"),
    [
        ([0, 5, 10, 15, 20], (), 5.0),
        ([0, 5, 15, 20, 25], ("gap",), 5.0),
        ([0, 5, 11, 16, 21], ("uneven_spacing",), 5.0),
        ([0, 5.01, 10, 15.01, 20], (), 4.99),
        ([0], (), None),
    ],
)
def test_gaps_and_uneven_spacing_are_flagged(places, flags, spacing) -> None:
    series = _series([instance(n, z=float(z)) for n, z in enumerate(places, 1)])
    assert series.flags == flags
    assert series.slice_spacing == (spacing and pytest.approx(spacing))


def test_instance_numbers_order_without_positions() -> None:
    series = _series([instance(n, position=None) for n in (3, 1, 2, 10)])
    assert [ref.instance_uid for ref in series.slices] == [
        "1.2.3.1",
        "1.2.3.2",
        "1.2.3.3",
        "1.2.3.10",
    ]
    assert series.flags == ("no_positions",)
    assert {ref.position_mm for ref in series.slices} == {None}


def test_slices_without_position_are_left_out() -> None:
    stack = [instance(n) for n in range(1, 6)]
    study = _study([*stack, instance(6, position=None)])
    assert len(study.series[0].slices) == 5
    assert _left_out(study) == [("root/0006.dcm", Reason.BAD_HEADER)]


def test_a_position_occupied_twice_is_a_further_volume() -> None:
    first = [instance(n) for n in range(1, 6)]
    second = [instance(n + 5, z=5.0 * n) for n in range(1, 6)]
    study = _study([*second, *first])
    (series,) = study.series
    assert [ref.instance_uid for ref in series.slices] == [one.instance_uid for one in first]
    assert series.flags == ("multi_volume",)
    assert _left_out(study) == [(one.source, Reason.FURTHER_VOLUME) for one in second]


@pytest.mark.parametrize(
    "apart",
    [
        {"orientation": SAGITTAL},
        {"rows": 128},
        {"echo": "80.0"},
        {"component": "phase"},
    ],
)
def test_stacks_are_separated_and_named_by_their_differences(apart) -> None:
    one = [instance(n, echo="10.0") for n in range(1, 6)]
    two = [instance(n, **{"echo": "10.0", "z": 5.0 * (n - 5), **apart}) for n in range(6, 11)]
    if "orientation" in apart:
        two = [instance(n, position=(n, 0.0, 0.0), echo="10.0", **apart) for n in range(6, 11)]
    series = _study([*one, *two]).series
    assert sorted(len(s.slices) for s in series) == [5, 5]
    assert len({s.key.part for s in series}) == 2 and all(s.key.part[0] == "p" for s in series)
    more = _study(
        [*one, *two, replace(two[0], source="x", instance_uid="1.9"), *_echoes(90.0)]
    ).series
    assert {s.key.part for s in series} < {s.key.part for s in more}


def _echoes(time: float) -> list[Instance]:
    return [instance(n, z=5.0 * n, echo=f"{time}") for n in range(21, 26)]


def test_each_echo_part_has_its_echo_time() -> None:
    dual = [instance(n, echo="20.0") for n in range(1, 6)] + _echoes(90.0)
    assert sorted(s.header.echo_time or 0 for s in _study(dual).series) == [20.0, 90.0]


def test_time_points_are_parts_and_only_the_first_is_not_refused() -> None:
    volumes = [
        instance(n + 10 * t, z=5.0 * n, time_point=f"t{t:06d}")
        for t in (3, 1, 2)
        for n in range(1, 6)
    ]
    series = _study(volumes).series
    wanted = [s for s in series if s.refusal is None]
    assert len(series) == 3 and len(wanted) == 1
    assert {s.refusal for s in series} == {None, Reason.FURTHER_VOLUME}
    assert wanted[0].slices[0].instance_uid == "1.2.3.11"
    assert wanted[0].flags == ("multi_volume",)
    assert {s.detail for s in series} == {"", "time point 2", "time point 3"}


def test_time_points_without_repeated_positions_are_ignored() -> None:
    series = _series([instance(n, time_point=f"t{n:06d}") for n in range(1, 9)])
    assert len(series.slices) == 8 and series.key.part == ""


def test_nearly_equal_orientations_are_one_stack() -> None:
    stack = [
        instance(n, orientation=((1.0, 0.0, 0.0), (0.0, 1.0 - 1e-6 * n, 1e-3 * n)))
        for n in range(1, 9)
    ]
    series = _series(stack)
    assert len(series.slices) == 8
    assert series.slice_spacing == pytest.approx(5.0, abs=0.2)


def test_a_fan_of_orientations_is_not_a_stack() -> None:
    from math import cos, radians, sin

    fan = [
        instance(
            n, orientation=((cos(radians(15 * n)), sin(radians(15 * n)), 0.0), (0.0, 0.0, -1.0))
        )
        for n in range(12)
    ]
    series = _series(fan)
    assert (series.refusal, series.n_files) == (Reason.MIXED_GEOMETRY, 12)


def test_thousands_of_orientations_are_fast() -> None:
    chance = random.Random(1)
    frames = []
    for number in range(1, 5001):
        x, y = chance.uniform(-1, 1), chance.uniform(-1, 1)
        length = (1 + x * x) ** 0.5
        orientation = ((1 / length, 0.0, x / length), (0.0, 1.0, y))
        frames += instance(number, orientation=orientation).frames
    series = _series([replace(instance(1), frames=tuple(frames))])
    assert series.refusal is Reason.MIXED_GEOMETRY


def test_one_uid_of_two_patients_is_two_studies() -> None:
    ours = [instance(n) for n in range(1, 6)]
    theirs = [instance(n, patient="p2") for n in range(11, 16)]
    studies = assemble([*ours, *theirs], {})
    assert len(studies) == 2
    for study in studies:
        (series,) = study.series
        assert len(series.slices) == 5 and series.flags == ("uid_replaced",)
        assert study.uid.startswith("2.25.") and series.key.series_uid.startswith("2.25.")
        assert series.key.study_uid == study.uid
    assert studies == assemble([*theirs, *ours], {})


def _resent(instances: list[Instance], **fields: Any) -> list[Instance]:
    return [replace(one, source=f"root/again/{one.source}", **fields) for one in instances]


@pytest.mark.parametrize("patient", ["p0", "p2", ""])
def test_images_sent_again_with_a_corrected_id_are_copies(patient: str) -> None:
    sent = [instance(n) for n in range(1, 9)]
    again = _resent(sent, patient=patient)
    (study,) = assemble([*sent, *again], {})
    assert assemble([*again, *sent], {}) == [study]
    (series,) = study.series
    assert (study.uid, series.key.series_uid, len(series.slices)) == ("1.2.3", "1.2.3.0", 8)
    assert series.flags == (("patient_id_changed",) if patient else ())
    copies = [(one.source, Reason.DUPLICATE_INSTANCE) for one in again]
    assert sorted(_left_out(study)) == sorted(copies)


def test_a_correction_of_one_series_keeps_the_study_together() -> None:
    first = [instance(n) for n in range(1, 6)]
    second = [instance(n, series_uid="1.2.3.9", z=5.0 * n) for n in range(11, 16)]
    third = [replace(one, patient="p3") for one in _resent(second[:2])]
    (study,) = assemble([*first, *second, *_resent(first, patient="p2"), *third], {})
    assert [s.flags for s in study.series] == [("patient_id_changed",)] * 2
    assert [len(s.slices) for s in study.series] == [5, 5]
    assert study.uid == "1.2.3"


def test_patients_whose_images_share_uids_but_not_positions_are_two_studies() -> None:
    ours = [instance(n) for n in range(1, 6)]
    theirs = [instance(n, z=10.0 * n - 5, patient="p2", source=f"r/{n}") for n in range(1, 6)]
    studies = assemble([*ours, *theirs], {})
    assert [s.flags for study in studies for s in study.series] == [("uid_replaced",)] * 2


def test_one_sop_instance_uid_in_every_slice_is_a_series() -> None:
    slices = [instance(n, instance_uid="1.2.9") for n in range(1, 9)]
    study = _study([*slices, *_resent(slices[2:4])])
    (series,) = study.series
    assert [ref.source for ref in series.slices] == [one.source for one in slices]
    assert len({ref.instance_uid for ref in series.slices}) == 8
    assert series.flags == ("uid_replaced",)
    assert _left_out(study) == [
        (one.source, Reason.DUPLICATE_INSTANCE) for one in _resent(slices[2:4])
    ]


def test_uids_made_for_slices_do_not_depend_on_their_files() -> None:
    slices = [instance(n, instance_uid="1.2.9") for n in range(1, 9)]
    (series,) = _study(slices).series
    (renamed,) = _study(_resent(slices)).series
    assert [r.instance_uid for r in series.slices] == [r.instance_uid for r in renamed.slices]


def test_damaged_files_among_slices_of_one_sop_instance_uid() -> None:
    slices = [instance(n, instance_uid="1.2.9") for n in range(1, 9)]
    broken = {"refusal": Reason.TRUNCATED, "frames": (), "instance_uid": "1.2.9"}
    copy = instance(3, source="root/a", **broken)
    lost = instance(9, source="root/b", **broken)
    study = _study([copy, lost, *slices])
    assert _left_out(study) == [
        ("root/a", Reason.DUPLICATE_INSTANCE),
        ("root/b", Reason.TRUNCATED),
    ]
    assert len(study.series[0].slices) == 8


def test_a_copy_may_state_fewer_digits() -> None:
    slices = [instance(n, z=5.12345678 * n) for n in range(1, 6)]
    copies = [instance(n, z=round(5.12345678 * n, 5), source=f"root/c{n}") for n in range(1, 6)]
    assert {reason for _, reason in _left_out(_study([*slices, *copies]))} == {
        Reason.DUPLICATE_INSTANCE
    }


def test_an_object_without_patient_id_belongs_to_its_series() -> None:
    ours = [instance(n) for n in range(1, 6)]
    theirs = [instance(n, patient="p2", series_uid="1.5") for n in range(11, 16)]
    studies = assemble([*ours, instance(6, patient=""), *theirs], {})
    assert sorted(len(study.series[0].slices) for study in studies) == [5, 6]
    assert len(assemble([*ours, instance(6, patient="")], {})) == 1


def test_refused_objects_among_images_are_left_out_with_their_reason() -> None:
    stack = [instance(n) for n in range(1, 6)]
    report = instance(9, refusal=Reason.BURNED_IN_ANNOTATION, detail="why", frames=())
    study = _study([report, *stack])
    assert study.series[0].refusal is None
    (note,) = study.left_out
    assert (note.reason, note.detail, note.key) == (report.refusal, "why", study.series[0].key)


def test_refused_objects_alone_are_one_series() -> None:
    sr = [
        instance(n, refusal=Reason.NO_PIXEL_DATA, detail="Report", frames=(), header=Header("SR"))
        for n in (1, 2)
    ]
    series = _series(sr)
    assert (series.refusal, series.detail, series.n_files) == (Reason.NO_PIXEL_DATA, "Report", 2)
    assert (series.slices, series.header.modality) == ((), "SR")


def test_fingerprint_depends_on_the_versions_of_all_files() -> None:
    stack = [instance(n) for n in range(1, 6)]
    copy = replace(stack[0], source="root/z.dcm")
    versions = {one.source: "10:1" for one in (*stack, copy)}

    def fingerprint(versions: dict[str, str]) -> str:
        return assemble([*stack, copy], versions)[0].series[0].fingerprint

    assert fingerprint(versions) == fingerprint(dict(versions))
    assert fingerprint(versions) != fingerprint({**versions, "root/z.dcm": "10:2"})
    assert fingerprint(versions) != assemble(stack, versions)[0].series[0].fingerprint


def test_no_instances_yield_no_studies() -> None:
    assert assemble([], {}) == []


def test_fingerprint_depends_on_headers_but_not_on_paths() -> None:
    def fingerprint(**fields: Any) -> str:
        return assemble([instance(1), instance(2, **fields)], {})[0].series[0].fingerprint

    known = fingerprint()
    assert fingerprint(z=11.0) != known
    assert fingerprint(flags=("uid_replaced",)) != known
    assert fingerprint(path="/elsewhere/0002.dcm") == known
    assert fingerprint(identifiers=("P1",)) == known
