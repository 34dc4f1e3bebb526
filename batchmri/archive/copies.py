"""Find files that contain the same image: same SOP Instance UID and same image content by header.

The UID alone is not enough: some exports write one SOP Instance UID into every slice.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace

from batchmri.identifiers import made_uid
from batchmri.records import Frame, Instance

_DIGITS = 2  # decimals of a millimeter: a copy may be rounded to fewer digits than its original


def content_of(instance: Instance) -> Hashable:
    """Return what the image shows according to its header; None if it has no readable frames."""
    if not instance.frames:
        return None
    frames = tuple(map(_frame_content, instance.frames))
    return instance.rows, instance.columns, instance.instance_number, frames


def _frame_content(frame: Frame) -> Hashable:
    position = frame.position and tuple(_rounded(value) for value in frame.position)
    location = None if frame.slice_location is None else _rounded(frame.slice_location)
    return position, location, frame.echo, frame.time_point, frame.component


def _rounded(value: float) -> float:
    return round(value, _DIGITS) + 0.0


def without_copies(
    instances: Iterable[Instance],
) -> tuple[list[Instance], list[tuple[Instance, Instance]]]:
    """Return the distinct images of a series, and pairs of (copy, instance that is kept).

    An intact file is preferred to a refused one, then the first by source. Distinct images that
    share a UID get new UIDs, derived from their content, and the flag `uid_replaced`.
    """
    by_uid: dict[str, list[Instance]] = defaultdict(list)
    for one in sorted(instances, key=lambda one: (one.refusal is not None, one.source)):
        by_uid[one.instance_uid].append(one)
    kept: list[Instance] = []
    copies: list[tuple[Instance, Instance]] = []
    for files in by_uid.values():
        distinct, new_copies = _separate_copies(files) if len(files) > 1 else (files, [])
        kept += _with_distinct_uids(distinct)
        copies += new_copies
    return kept, copies


def _separate_copies(
    files: list[Instance],
) -> tuple[list[Instance], list[tuple[Instance, Instance]]]:
    """Separate distinct images from copies; `files` have one UID, with intact files first."""
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


def _with_distinct_uids(images: list[Instance]) -> Iterator[Instance]:
    """Yield distinct images of one UID with new UIDs; a single image keeps its UID."""
    for one in images:
        if len(images) == 1 or not one.frames:
            yield one
            continue
        uid = made_uid(
            "instance", one.study_uid, one.series_uid, one.instance_uid, repr(content_of(one))
        )
        flags = tuple(sorted({*one.flags, "uid_replaced"}))
        yield replace(one, instance_uid=uid, flags=flags)
