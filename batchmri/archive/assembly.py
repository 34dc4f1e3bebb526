"""Assemble the instances of one study into a Study: its series, and the files left out of them.

The result does not depend on the order of the instances. For keys see `SeriesKey`. split_stacks.py
splits a series into parts, slice_order.py orders the slices of a part.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from batchmri.archive.copies import without_copies
from batchmri.archive.fingerprint import fingerprint
from batchmri.archive.joining import with_joined_series
from batchmri.archive.patients import separate_patients
from batchmri.archive.places import Cell
from batchmri.archive.slice_order import Stack, stacked
from batchmri.archive.split_stacks import Part, parts_of
from batchmri.geometry import display_of, plane_of
from batchmri.header import Header
from batchmri.identifiers import common_folder, name_of, part_name
from batchmri.reasons import Reason, Status
from batchmri.records import COMPANION, FileNote, Instance, Series, SeriesKey, SliceRef, Study
from batchmri.terms.coded_values import MR_CLASSES
from batchmri.terms.sequence import contradicts_times, has_b_value, sequence_of

Versions = Mapping[str, str]


def assemble(instances: Sequence[Instance], versions: Versions) -> list[Study]:
    """Return the studies of all instances with one StudyInstanceUID: one, or one per patient.

    `versions[source]` is a short text of a file's size and modification time. The fingerprint of a
    series depends on it and on the header fields that `fingerprint.py` lists. Every instance is
    counted in `n_files` of exactly one series, including those in `left_out`: duplicates, refused
    objects among images, and further volumes at positions that are already taken.
    """
    by_study: dict[str, list[Instance]] = defaultdict(list)
    for instance in separate_patients(sorted(instances, key=lambda one: one.source)):
        by_study[instance.study_uid].append(instance)
    return [_study(uid, members, versions) for uid, members in sorted(by_study.items())]


def _study(uid: str, instances: list[Instance], versions: Versions) -> Study:
    by_series: dict[tuple[str, bool], list[Instance]] = defaultdict(list)
    for instance in with_joined_series(instances):
        # Keep batchmri's own results separate: a result written next to the images must not change
        # the fingerprint of their series.
        by_series[instance.series_uid, instance.refusal is Reason.OWN_RESULT].append(instance)
    series: list[Series] = []
    left_out: list[FileNote] = []
    for (series_uid, own), members in sorted(by_series.items()):
        part = _OWN_RESULTS if own and (series_uid, False) in by_series else _WHOLE_SERIES
        found, notes = _Assembler(members, versions, part).run()
        series += found
        left_out += notes
    return Study(uid, tuple(series), tuple(sorted(left_out, key=lambda n: (n.source, n.reason))))


@dataclass(slots=True)
class _SeriesFiles:
    """The instances of one series, grouped by how they are used."""

    images: list[Instance]
    refused: list[Instance]
    companions: list[Instance]
    duplicates: list[tuple[Instance, Instance]]  # (left out, kept)


class _Assembler:
    """Assembles the parts of one series UID as Series.

    `default_part` is the part used when the series has no slices.
    """

    def __init__(self, instances: list[Instance], versions: Versions, default_part: Part) -> None:
        self._versions = versions
        self._default_part = default_part
        self._files = _group_files(instances)
        self._notes: list[FileNote] = []
        self._diffusion = any(
            has_b_value(frame.time_point) for one in self._files.images for frame in one.frames
        )

    def run(self) -> tuple[list[Series], list[FileNote]]:
        parts = parts_of([Cell(i, frame) for i in self._files.images for frame in i.frames])
        if not parts:
            return [self._without_slices()], self._notes
        stacks = [stacked(part.cells) for part in parts]
        files = self._assign_files(parts, stacks)
        series = [
            self._series(part, stack, sorted(files[number]))
            for number, (part, stack) in enumerate(zip(parts, stacks, strict=True))
        ]
        return series, self._notes

    def _assign_files(self, parts: list[Part], stacks: list[Stack]) -> dict[int, set[str]]:
        """Return the sources of each part; every source belongs to exactly one part.

        That is the first part that contains a slice of it, otherwise the part it was left out of.
        """
        part_of_source: dict[str, int] = {}
        for number, stack in enumerate(stacks):
            for cell in stack.kept:
                part_of_source.setdefault(cell.instance.source, number)
        for number, (part, stack) in enumerate(zip(parts, stacks, strict=True)):
            for cell in stack.further:
                if cell.instance.source not in part_of_source:
                    part_of_source[cell.instance.source] = number
                    self._note(cell.instance, part, Reason.FURTHER_VOLUME)
            for cell in stack.unplaced:
                if cell.instance.source not in part_of_source:
                    part_of_source[cell.instance.source] = number
                    self._note(cell.instance, part, Reason.BAD_HEADER, "no position in the patient")
        for extra, kept in self._files.duplicates:
            number = part_of_source.setdefault(extra.source, part_of_source.get(kept.source, 0))
            self._note(extra, parts[number], Reason.DUPLICATE_INSTANCE)
        for one in self._files.refused:
            part_of_source[one.source] = 0
            self._note(one, parts[0], *_refusal_among_images(one))
        for one in self._files.companions:
            part_of_source[one.source] = 0
        files: dict[int, set[str]] = defaultdict(set)
        for source, number in part_of_source.items():
            files[number].add(source)
        return files

    def _note(self, instance: Instance, part: Part, reason: Reason, detail: str = "") -> None:
        key = SeriesKey(instance.study_uid, instance.series_uid, part.name)
        self._notes.append(FileNote(instance.source, reason, detail, key))

    def _series(self, part: Part, stack: Stack, sources: list[str]) -> Series:
        first = stack.kept[0]
        instance, frame = first.instance, first.frame
        header = _header_of(first, part)
        sequence = sequence_of(header, _file_name(instance), diffusion=self._diffusion)
        orientation = next((c.frame.orientation for c in stack.kept if c.frame.orientation), None)
        flags = {flag for cell in stack.kept for flag in cell.instance.flags}
        if contradicts_times(header, sequence):
            flags.add("sequence_contradiction")
        if any(n.reason.status is Status.FAILED and n.key.part == part.name for n in self._notes):
            flags.add("incomplete")
        used_sources = sorted({*sources, *(cell.instance.source for cell in stack.kept)})
        series = Series(
            key=SeriesKey(instance.study_uid, instance.series_uid, part.name),
            source=common_folder(used_sources),
            format=instance.format,
            n_files=len(sources),
            header=header,
            sequence=sequence,
            rows=part.rows,
            columns=part.columns,
            plane=plane_of(orientation),
            pixel_spacing=frame.pixel_spacing,
            slice_spacing=stack.spacing,
            slices=tuple(
                _slice(cell, index, position)
                for index, (cell, position) in enumerate(
                    zip(stack.kept, stack.positions, strict=True)
                )
            ),
            n_slices=len(stack.kept),
            slice_axis=instance.slice_axis,
            display=display_of(orientation),
            refusal=part.refusal,
            detail=part.detail,
            flags=tuple(sorted(flags | stack.flags | part.flags)),
            identifiers=instance.identifiers,
        )
        return self._with_fingerprint(series, used_sources)

    def _without_slices(self) -> Series:
        """Return a series without usable images: all refused, or an .img with a damaged .hdr."""
        files = self._files
        shown = files.refused[0] if files.refused else files.companions[0]
        every = [*files.refused, *files.companions, *(extra for extra, _ in files.duplicates)]
        sources = sorted(one.source for one in every)
        for extra, _ in files.duplicates:
            self._note(extra, self._default_part, Reason.DUPLICATE_INSTANCE)
        series = Series(
            key=SeriesKey(shown.study_uid, shown.series_uid, self._default_part.name),
            source=common_folder(sources),
            format=shown.format,
            n_files=len(sources),
            header=shown.header,
            sequence=sequence_of(shown.header, _file_name(shown)),
            rows=shown.rows,
            columns=shown.columns,
            plane="",
            pixel_spacing=None,
            slice_spacing=None,
            slices=(),
            refusal=shown.refusal or Reason.BAD_HEADER,
            detail=shown.detail,
            flags=tuple(sorted({*shown.flags} - {COMPANION})),
            identifiers=shown.identifiers,
        )
        return self._with_fingerprint(series, sources)

    def _with_fingerprint(self, series: Series, sources: list[str]) -> Series:
        versions = [(source, self._versions.get(source, "")) for source in sources]
        return replace(series, fingerprint=fingerprint(series, versions))


_WHOLE_SERIES = Part("", (), 0, 0)
_OWN_RESULTS = Part(part_name("own_result"), (), 0, 0)


def _group_files(instances: Sequence[Instance]) -> _SeriesFiles:
    companions = [one for one in instances if COMPANION in one.flags]
    kept, copies = without_copies(one for one in instances if COMPANION not in one.flags)
    return _SeriesFiles(
        images=[one for one in kept if not one.refusal],
        refused=[one for one in kept if one.refusal],
        companions=companions,
        duplicates=copies,
    )


def _refusal_among_images(one: Instance) -> tuple[Reason, str]:
    """Return why an instance is refused in a series that contains images.

    In such a series, an MR image without pixel data is a file that was cut off before its pixels. A
    series without any pixel data was stored that way.
    """
    assert one.refusal is not None
    is_image = one.header.sop_class in MR_CLASSES and one.rows > 0 and one.columns > 0
    if one.refusal is Reason.NO_PIXEL_DATA and is_image:
        return Reason.TRUNCATED, "the file ends before its pixels"
    return one.refusal, one.detail


def _header_of(cell: Cell, part: Part) -> Header:
    """Return the header of the first slice, with the echo time and component of the part."""
    header, frame = cell.instance.header, cell.frame
    if frame.component and frame.component.upper() not in header.image_type:
        header = replace(header, image_type=(*header.image_type, frame.component.upper()))
    if part.echo_time is not None:
        header = replace(header, echo_time=part.echo_time)
    return header


def _file_name(instance: Instance) -> str:
    return "" if instance.format == "dicom" else name_of(instance.source)


def _slice(cell: Cell, index: int, position: float | None) -> SliceRef:
    instance, frame = cell.instance, cell.frame
    return SliceRef(
        instance.source,
        instance.path,
        instance.instance_uid,
        frame.number,
        index,
        None if position is None else round(position, 4) + 0.0,
        frame.tile,
    )
