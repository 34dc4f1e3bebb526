"""Which files hold the same image: one SOP Instance UID, and headers that agree on what is shown.

The UID alone does not suffice: some exports write one SOP Instance UID into every slice.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from batchmri.identifiers import made_uid
from batchmri.records import Frame, Instance

_DIGITS = 2  # of a millimeter: a copy may state fewer digits than its original


def content_of(instance: Instance) -> Hashable:
    """What the image shows, as far as its header says; None if it has no readable frames."""
    if not instance.frames:
        return None
    frames = tuple(map(_shown, instance.frames))
    return instance.rows, instance.columns, instance.instance_number, frames


def _shown(frame: Frame) -> Hashable:
    position = frame.position and tuple(_rounded(value) for value in frame.position)
    location = None if frame.slice_location is None else _rounded(frame.slice_location)
    return position, location, frame.echo, frame.time_point, frame.component


def _rounded(value: float) -> float:
    return round(value, _DIGITS) + 0.0


def without_copies(
    instances: Iterable[Instance],
) -> tuple[list[Instance], list[tuple[Instance, Instance]]]:
    """The distinct images of a series, and pairs of a copy and the instance that is kept.

    An intact file is preferred to a refused one, then the first by source. Distinct images that
    share a UID get UIDs of their own, made from what they show, and the flag `uid_replaced`.
    """
    by_uid: dict[str, list[Instance]] = defaultdict(list)
    for one in sorted(instances, key=lambda one: (one.refusal is not None, one.source)):
        by_uid[one.instance_uid].append(one)
    kept: list[Instance] = []
    copies: list[tuple[Instance, Instance]] = []
    for files in by_uid.values():
        distinct, more = _distinct(files) if len(files) > 1 else (files, [])
        kept += _with_own_uids(distinct)
        copies += more
    return kept, copies


def _distinct(files: list[Instance]) -> tuple[list[Instance], list[tuple[Instance, Instance]]]:
    """Files of one UID, the intact ones first."""
    kept: list[Instance] = []
    by_content: dict[Hashable, Instance] = {}
    copies: list[tuple[Instance, Instance]] = []
    for one in files:
        content = content_of(one)
        if content is None:
            original = next((known for known in kept if _may_be_copy(one, known)), None)
        else:
            original = by_content.get(content)
        if original is None:
            kept.append(one)
            by_content[content] = one
        else:
            copies.append((one, original))
    return kept, copies


def _may_be_copy(damaged: Instance, other: Instance) -> bool:
    numbers = {damaged.instance_number, other.instance_number}
    return len(numbers) == 1 or None in numbers


def _with_own_uids(images: list[Instance]) -> Iterator[Instance]:
    """Distinct images of one UID; a single one keeps it."""
    for one in images:
        if len(images) == 1 or not one.frames:
            yield one
            continue
        uid = made_uid(
            "instance", one.study_uid, one.series_uid, one.instance_uid, repr(content_of(one))
        )
        flags = tuple(sorted({*one.flags, "uid_replaced"}))
        yield replace(one, instance_uid=uid, flags=flags)
