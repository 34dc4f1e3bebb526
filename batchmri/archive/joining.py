"""Series whose slices each have a SeriesInstanceUID of their own, as some exports write them.

They are joined if nothing but the slice sets them apart: one series number, description and
modality, the same sequence, geometry and echoes, and a place of its own for each of several slices.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import NamedTuple

from batchmri.identifiers import made_uid
from batchmri.records import Instance

FEWEST_JOINED = 5  # fewer slices are hardly a series, and rarely classified


class _Protocol(NamedTuple):
    """What images of one series share besides what sets its parts apart."""

    series_number: int | None
    description: str
    modality: str
    sop_class: str
    image_type: tuple[str, ...]
    sequence: tuple[str, ...]
    times: tuple[str, ...]
    contrast_agent: bool | None
    pixel_spacing: tuple[float, ...] | None


class _Kind(NamedTuple):
    """What images of one part of a series share."""

    protocol: _Protocol
    orientation: tuple[float, ...] | None
    size: tuple[int, int]
    echo: str
    component: str


def with_joined_series(instances: Sequence[Instance]) -> list[Instance]:
    """The instances of a study; those of joined series get one UID made from what they share."""
    by_uid: dict[str, list[Instance]] = defaultdict(list)
    for one in instances:
        by_uid[one.series_uid].append(one)
    alike: dict[frozenset[_Kind], dict[str, Hashable]] = defaultdict(dict)
    for uid, members in by_uid.items():
        images = [one for one in members if one.frames and not one.refusal]
        if _is_one_slice(images):
            kinds = frozenset(map(_kind_of, images))
            numbers = frozenset(one.instance_number for one in images)
            alike[kinds][uid] = (_place_of(images[0]), numbers)
    joined = {
        uid: made_uid("joined", instances[0].study_uid, *sorted({repr(k.protocol) for k in kinds}))
        for kinds, slices in alike.items()
        if len(set(slices.values())) >= FEWEST_JOINED
        for uid in slices
    }
    return [
        _moved(one, joined[one.series_uid]) if one.series_uid in joined else one
        for one in instances
    ]


def _moved(instance: Instance, series_uid: str) -> Instance:
    flags = tuple(sorted({*instance.flags, "series_joined", "uid_replaced"}))
    return replace(instance, series_uid=series_uid, flags=flags)


def _is_one_slice(images: Sequence[Instance]) -> bool:
    """Whether the images of a series UID are one slice, of which there may be several echoes."""
    if not images or len({_place_of(one) for one in images}) > 1:
        return False
    if not all(one.format == "dicom" and len(one.frames) == 1 for one in images):
        return False
    header, frame = images[0].header, images[0].frames[0]
    if header.series_number is None and not header.series_description:
        return False
    if frame.position is None and frame.slice_location is None:
        return False
    stacks = [(_kind_of(one), one.frames[0].time_point) for one in images]
    numbered = {(*stack, one.instance_number) for stack, one in zip(stacks, images, strict=True)}
    return len(numbered) == len(set(stacks))


def _place_of(instance: Instance) -> Hashable:
    frame = instance.frames[0]
    position = frame.position and tuple(round(value, 1) + 0.0 for value in frame.position)
    location = None if frame.slice_location is None else round(frame.slice_location, 1) + 0.0
    return position, location


def _kind_of(instance: Instance) -> _Kind:
    header, frame = instance.header, instance.frames[0]
    times = (header.repetition_time, header.inversion_time, header.flip_angle)
    return _Kind(
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
