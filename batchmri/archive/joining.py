"""Join series that an export split by giving each slice its own SeriesInstanceUID.

They are joined if they differ in nothing but the slice: same series number, description, modality,
sequence, geometry and echoes, and several slices, each at a different position.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import NamedTuple

from batchmri.identifiers import made_uid
from batchmri.records import Instance

FEWEST_JOINED = 5  # fewer slices are rarely a series that can be classified


class _Protocol(NamedTuple):
    """Fields that are the same in all parts of a series.

    Its repr enters the UIDs of joined series: renaming the class or a field changes them.
    """

    series_number: int | None
    description: str
    modality: str
    sop_class: str
    image_type: tuple[str, ...]
    sequence: tuple[str, ...]
    times: tuple[str, ...]
    contrast_agent: bool | None
    pixel_spacing: tuple[float, ...] | None


class _PartFields(NamedTuple):
    """Fields that all images of one part of a series share."""

    protocol: _Protocol
    orientation: tuple[float, ...] | None
    size: tuple[int, int]
    echo: str
    component: str


def with_joined_series(instances: Sequence[Instance]) -> list[Instance]:
    """Return the instances of a study; joined series get one UID derived from shared fields."""
    by_uid: dict[str, list[Instance]] = defaultdict(list)
    for one in instances:
        by_uid[one.series_uid].append(one)
    alike: dict[frozenset[_PartFields], dict[str, Hashable]] = defaultdict(dict)
    for uid, members in by_uid.items():
        images = [one for one in members if one.frames and not one.refusal]
        if _is_one_slice(images):
            kinds = frozenset(map(_part_fields, images))
            numbers = frozenset(one.instance_number for one in images)
            alike[kinds][uid] = (_place_of(images[0]), numbers)
    joined = {
        uid: made_uid("joined", instances[0].study_uid, *sorted({repr(k.protocol) for k in kinds}))
        for kinds, slices in alike.items()
        if len(set(slices.values())) >= FEWEST_JOINED
        for uid in slices
    }
    return [
        _with_series_uid(one, joined[one.series_uid]) if one.series_uid in joined else one
        for one in instances
    ]


def _with_series_uid(instance: Instance, series_uid: str) -> Instance:
    flags = tuple(sorted({*instance.flags, "series_joined", "uid_replaced"}))
    return replace(instance, series_uid=series_uid, flags=flags)


def _is_one_slice(images: Sequence[Instance]) -> bool:
    """Return whether the images of a series UID are one slice, possibly with several echoes."""
    if not images or len({_place_of(one) for one in images}) > 1:
        return False
    if not all(one.format == "dicom" and len(one.frames) == 1 for one in images):
        return False
    header, frame = images[0].header, images[0].frames[0]
    if header.series_number is None and not header.series_description:
        return False
    if frame.position is None and frame.slice_location is None:
        return False
    stacks = [(_part_fields(one), one.frames[0].time_point) for one in images]
    numbered = {(*stack, one.instance_number) for stack, one in zip(stacks, images, strict=True)}
    return len(numbered) == len(set(stacks))


def _place_of(instance: Instance) -> Hashable:
    frame = instance.frames[0]
    position = frame.position and tuple(round(value, 1) + 0.0 for value in frame.position)
    location = None if frame.slice_location is None else round(frame.slice_location, 1) + 0.0
    return position, location


def _part_fields(instance: Instance) -> _PartFields:
    header, frame = instance.header, instance.frames[0]
    times = (header.repetition_time, header.inversion_time, header.flip_angle)
    return _PartFields(
        _Protocol(
            header.series_number,
            header.series_description,
            header.modality,
            header.sop_class,
            header.image_type,
            (header.scanning_sequence, header.named_sequence),
            tuple("" if time is None else f"{time:.2g}" for time in times),
            header.contrast_agent,
            frame.pixel_spacing and tuple(round(size, 3) for size in frame.pixel_spacing),
        ),
        frame.orientation and tuple(round(c, 2) + 0.0 for axis in frame.orientation for c in axis),
        (instance.rows, instance.columns),
        frame.echo,
        frame.component,
    )
