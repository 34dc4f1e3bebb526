"""Instances of one study → Study: its series, and the files left out of them.

The result does not depend on the order in which instances come. Keys: see `SeriesKey`; what sets
parts of a series apart stands in parts.py, the order of slices in stack.py.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from batchmri.archive.copies import without_copies
from batchmri.archive.joining import with_joined_series
from batchmri.archive.patients import apart_by_patient
from batchmri.archive.places import Cell
from batchmri.archive.slice_order import Stack, stacked
from batchmri.archive.split_stacks import Part, parts_of
from batchmri.geometry import display_of, plane_of
from batchmri.identifiers import common_folder, digest, name_of, part_name
from batchmri.reasons import Reason
from batchmri.records import (
    COMPANION,
    FileNote,
    Header,
    Instance,
    Series,
    SeriesKey,
    SliceRef,
    Study,
)
from batchmri.terms.coded_values import MR_CLASSES
from batchmri.terms.sequence import contradicts_times, has_b_value, sequence_of

Versions = Mapping[str, str]


def assemble(instances: Sequence[Instance], versions: Versions) -> list[Study]:
    """The studies of all instances that state one StudyInstanceUID: one, or one per patient.

    `versions[source]` is a short text of a file's size and time of change; it enters the
    fingerprint of the series, as does all that its headers say. Every instance is counted in
    `n_files` of one series, those of `left_out` too: duplicates, refused objects among images,
    further volumes at places already taken.
    """
    by_study: dict[str, list[Instance]] = defaultdict(list)
    for instance in apart_by_patient(sorted(instances, key=lambda one: one.source)):
        by_study[instance.study_uid].append(instance)
    return [_study(uid, members, versions) for uid, members in sorted(by_study.items())]


def _study(uid: str, instances: list[Instance], versions: Versions) -> Study:
    by_series: dict[tuple[str, bool], list[Instance]] = defaultdict(list)
    for instance in with_joined_series(instances):
        # Own results stay apart: written beside the images, they must not make them look changed.
        by_series[instance.series_uid, instance.refusal is Reason.OWN_RESULT].append(instance)
    series: list[Series] = []
    left_out: list[FileNote] = []
    for (series_uid, own), members in sorted(by_series.items()):
        part = _OWN if own and (series_uid, False) in by_series else _WHOLE
        found, notes = _Assembler(members, versions, part).run()
        series += found
        left_out += notes
    return Study(uid, tuple(series), tuple(sorted(left_out, key=lambda n: (n.source, n.reason))))


@dataclass(slots=True)
class _Sorted:
    """The instances of one series by what they can give."""

    images: list[Instance]
    refused: list[Instance]
    companions: list[Instance]
    duplicates: list[tuple[Instance, Instance]]  # the one left out, the one kept


class _Assembler:
    """One series UID → its parts as Series; `bare` names the part of one without any slice."""

    def __init__(self, instances: list[Instance], versions: Versions, bare: Part) -> None:
        self._versions = versions
        self._bare = bare
        self._files = _sort(instances)
        self._notes: list[FileNote] = []
        self._diffusion = any(
            has_b_value(frame.time_point) for one in self._files.images for frame in one.frames
        )

    def run(self) -> tuple[list[Series], list[FileNote]]:
        parts = parts_of([Cell(i, frame) for i in self._files.images for frame in i.frames])
        if not parts:
            return [self._without_slices()], self._notes
        stacks = [stacked(part.cells) for part in parts]
        files = self._share_out(parts, stacks)
        series = [
            self._series(part, stack, sorted(files[number]))
            for number, (part, stack) in enumerate(zip(parts, stacks, strict=True))
        ]
        return series, self._notes

    def _share_out(self, parts: list[Part], stacks: list[Stack]) -> dict[int, set[str]]:
        """Sources per part, each in one: where it gave a slice, else where it was left out."""
        home: dict[str, int] = {}
        for number, stack in enumerate(stacks):
            for cell in stack.kept:
                home.setdefault(cell.instance.source, number)
        for number, (part, stack) in enumerate(zip(parts, stacks, strict=True)):
            for cell in stack.further:
                if cell.instance.source not in home:
                    home[cell.instance.source] = number
                    self._note(cell.instance, part, Reason.FURTHER_VOLUME)
            for cell in stack.unplaced:
                if cell.instance.source not in home:
                    home[cell.instance.source] = number
                    self._note(cell.instance, part, Reason.BAD_HEADER, "no position in the patient")
        for extra, kept in self._files.duplicates:
            number = home.setdefault(extra.source, home.get(kept.source, 0))
            self._note(extra, parts[number], Reason.DUPLICATE_INSTANCE)
        for one in self._files.refused:
            home[one.source] = 0
            self._note(one, parts[0], *_refusal_among_images(one))
        for one in self._files.companions:
            home[one.source] = 0
        files: dict[int, set[str]] = defaultdict(set)
        for source, number in home.items():
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
        touched = sorted({*sources, *(cell.instance.source for cell in stack.kept)})
        series = Series(
            key=SeriesKey(instance.study_uid, instance.series_uid, part.name),
            source=common_folder(touched),
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
        return self._with_fingerprint(series, touched)

    def _without_slices(self) -> Series:
        """A series of objects that are all refused, or of an .img whose .hdr is unreadable."""
        files = self._files
        shown = files.refused[0] if files.refused else files.companions[0]
        every = [*files.refused, *files.companions, *(extra for extra, _ in files.duplicates)]
        sources = sorted(one.source for one in every)
        for extra, _ in files.duplicates:
            self._note(extra, self._bare, Reason.DUPLICATE_INSTANCE)
        series = Series(
            key=SeriesKey(shown.study_uid, shown.series_uid, self._bare.name),
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
        # Not of where files are mounted, nor of who the patient is.
        slices = tuple(replace(ref, path="") for ref in series.slices)
        said = repr(replace(series, slices=slices, identifiers=()))
        versions = (f"{source}\0{self._versions.get(source, '')}" for source in sources)
        return replace(series, fingerprint=digest(said, *versions))


_WHOLE = Part("", (), 0, 0)
_OWN = Part(part_name("own_result"), (), 0, 0)


def _sort(instances: Sequence[Instance]) -> _Sorted:
    companions = [one for one in instances if COMPANION in one.flags]
    kept, copies = without_copies(one for one in instances if COMPANION not in one.flags)
    return _Sorted(
        images=[one for one in kept if not one.refusal],
        refused=[one for one in kept if one.refusal],
        companions=companions,
        duplicates=copies,
    )


def _refusal_among_images(one: Instance) -> tuple[Reason, str]:
    """Why an instance is refused in a series of images.

    There an MR image without pixels was cut right before them. A series that has no pixels at all
    was stored that way.
    """
    assert one.refusal is not None
    is_image = one.header.sop_class in MR_CLASSES and one.rows > 0 and one.columns > 0
    if one.refusal is Reason.NO_PIXEL_DATA and is_image:
        return Reason.TRUNCATED, "the file ends before its pixels"
    return one.refusal, one.detail


def _header_of(cell: Cell, part: Part) -> Header:
    """The facts of the first slice; echo and component are those of the part."""
    header, frame = cell.instance.header, cell.frame
    if frame.component and frame.component.upper() not in header.image_type:
        header = replace(header, image_type=(*header.image_type, frame.component.upper()))
    if part.echo_time is not None:
        header = replace(header, echo_time=part.echo_time)
    return header


def _file_name(instance: Instance) -> str:
    return name_of(instance.source) if instance.format == "nifti" else ""


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
