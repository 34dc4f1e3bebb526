"""Read the header of a DICOM file as an Instance."""

import io
import zlib
from dataclasses import dataclass, replace
from typing import BinaryIO

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)

from batchmri.formats.dicom import sop_classes
from batchmri.formats.dicom.dataset import NOTHING, Tags
from batchmri.formats.dicom.frames import frames_of
from batchmri.formats.dicom.header_fields import (
    FRAME_GROUPS,
    SHARED_GROUPS,
    STATED_TAGS,
    header_of,
)
from batchmri.formats.dicom.parser import UNDEFINED, Dataset, ElementReader, Encoding
from batchmri.formats.header_context import HeaderContext
from batchmri.formats.header_error import CutError
from batchmri.header import Header
from batchmri.identifiers import folder_of, is_valid_uid, made_uid
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote, Frame, Instance
from batchmri.terms.coded_values import MR_CLASSES

_FIRST_OF_DATASET, _FIRST_PIXELS = 0x00030000, 0x7FE00008
_PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
_EXPLICIT_LITTLE = Encoding(implicit=False, little=True)
_MAX_INFLATED = 256 * 2**20
_MAX_FRAMES = 65_536
_ENCAPSULATED_FRAME = 8  # bytes of the item header: the minimum size of a compressed frame

_TRUNCATED_HEADER = "the file ends inside its header"
_STUDY_UID = 0x0020000D

_IDENTIFIERS = (0x00100020, 0x00100010, 0x00100030, 0x00080050, 0x00080020)
_WANTED = frozenset((
    *_IDENTIFIERS,
    0x00020002, 0x00020010,
    0x00080005, 0x00080008, 0x00080016, 0x00080018, 0x00081030, 0x00080060, 0x00080064, 0x00080070,
    0x0008103E, 0x00081090, 0x00089209, 0x00100010, 0x00100020, 0x00102201, 0x00180010,
    0x00180012, 0x00180015,
    0x00180020, 0x00180022, 0x00180024, 0x00180050, 0x00180086, 0x00180088,
    0x00181060, 0x00181063, 0x00181065, 0x00181250, 0x00181310, 0x00181030, 0x00189005,
    0x00189008, 0x00189009, 0x00189018, 0x00189087, 0x0019100A, 0x0019100C, 0x0020000D, 0x0020000E,
    0x00200012, 0x00200013, 0x00200032, 0x00200037, 0x00200100, 0x00201041, 0x00280002,
    0x00280004, 0x00280008, 0x00280010, 0x00280011, 0x00280030, 0x00280100, 0x00280301, 0x00291010,
    0x001910BB, 0x001910BC, 0x001910BD, 0x001910E0, 0x0043102F, 0x00431039,
    0x00651009, 0x00651050, 0x00651051, 0x20011003,
    SHARED_GROUPS, FRAME_GROUPS, *STATED_TAGS,
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Header:
    """The parsed part of a DICOM file.

    `pixels` is the declared length of the pixel data, `left` the number of bytes between its start
    and the end of the file. If the file ends after the header, `last` is the last tag kept.
    """

    meta: Tags
    tags: Tags
    pixels: int | None = None
    left: int = 0
    cut: bool = False
    last: int = _STUDY_UID


def read_dicom_header(
    entry: FileEntry, context: HeaderContext, file: BinaryIO
) -> Instance | FileNote:
    """Return the Instance of a DICOM object, with a `refusal` if it can never be classified.

    Returns a FileNote for a DICOMDIR, for an object without study and series, and for a truncated
    header. `file` must be at its start. Raises any exception of pydicom for an invalid header.
    """
    reading = _parse(file, entry.size)
    meta, tags = reading.meta, reading.tags
    if sop_classes.MEDIA_DIRECTORY in (meta.text(0x00020002), tags.text(0x00080016)):
        return FileNote(entry.source, Reason.DICOMDIR)
    header = _header_values(tags, meta)
    if reading.pixels is None and not (tags.text(0x0020000D) or tags.text(0x0020000E)):
        return _note_without_series(entry.source, header, reading)
    return _instance(entry, context, tags, header, reading)


def _header_values(tags: Tags, meta: Tags) -> Header:
    syntax, sop_class = meta.text(0x00020010), meta.text(0x00020002)
    header = header_of(tags, syntax if is_valid_uid(syntax) else "")
    if not header.sop_class and is_valid_uid(sop_class):
        return replace(header, sop_class=sop_class)
    return header


def _note_without_series(source: str, header: Header, reading: _Header) -> FileNote:
    """Return the note of an object without study and series."""
    early = reading.last < _STUDY_UID and sop_classes.belongs_to_study(header.sop_class)
    if reading.cut or early or header.sop_class in MR_CLASSES:
        return FileNote(source, Reason.TRUNCATED, _TRUNCATED_HEADER)
    if not header.sop_class:
        return FileNote(source, Reason.BAD_HEADER, "it contains no DICOM object")
    return FileNote(source, Reason.NO_PIXEL_DATA, sop_classes.name_of_uid(header.sop_class))


def _instance(
    entry: FileEntry, context: HeaderContext, tags: Tags, header: Header, reading: _Header
) -> Instance:
    rows, columns = tags.integer(0x00280010) or 0, tags.integer(0x00280011) or 0
    count = tags.integer(0x00280008) or 1
    refusal = _refusal(tags, header, reading, rows, columns, count)
    frames: tuple[Frame, ...] = ()
    if refusal is None:
        frames = frames_of(tags, rows, columns, count)
        if not frames:
            refusal = Reason.UNSUPPORTED_OBJECT, "a mosaic without the number of its tiles"
        elif frames[0].tile:
            rows, columns = frames[0].tile[2:]
    uids, flags = _uids(entry.source, tags, header)
    if frames and len(frames) < count:
        flags.add("multi_volume")
    if frames and frames[0].pixel_spacing is None and tags.numbers(0x00280030):
        flags.add("lost_spacing")  # stated, but not two numbers above zero
    return Instance(
        source=entry.source,
        path=entry.path,
        format="dicom",
        study_uid=uids[0],
        series_uid=uids[1],
        instance_uid=uids[2],
        header=header,
        rows=rows,
        columns=columns,
        frames=frames,
        instance_number=tags.integer(0x00200013),
        patient=context.patient_digest(tags.text(0x00100020)),
        acquisition=_acquisition(tags),
        refusal=refusal[0] if refusal else None,
        detail=refusal[1] if refusal else "",
        flags=tuple(sorted(flags)),
        identifiers=tuple(map(tags.text, _IDENTIFIERS)) if context.identifiers else (),
    )


def _acquisition(tags: Tags) -> str:
    number, trigger_time = tags.integer(0x00200012), tags.number(0x00181060)
    known = (("n", number), ("t", trigger_time))
    return " ".join(f"{letter}{value:g}" for letter, value in known if value is not None)


def _parse(file: BinaryIO, size: int) -> _Header:
    reader = ElementReader(file, size)
    start = 132 if size > 132 and reader.bytes_at(128, 4) == b"DICM" else 0
    meta: Dataset = {}
    meta_tags = Tags(meta, _EXPLICIT_LITTLE)
    if reader.bytes_at(start, 2) == b"\x02\0":
        try:
            start = reader.read(start, _FIRST_OF_DATASET, _WANTED, _EXPLICIT_LITTLE, meta)
        except CutError:
            return _Header(meta_tags, NOTHING, cut=True)
    syntax = meta_tags.text(0x00020010)
    if syntax == DeflatedExplicitVRLittleEndian:
        content = _inflated(file, start)
        reader, start = ElementReader(io.BytesIO(content), len(content)), 0
    encoding = _encoding(syntax, reader, start)
    return _dataset(reader, start, encoding, meta_tags)


def _dataset(reader: ElementReader, start: int, encoding: Encoding, meta: Tags) -> _Header:
    dataset: Dataset = {}
    try:
        end = reader.read(start, _FIRST_PIXELS, _WANTED, encoding, dataset)
    except CutError:
        return _Header(meta, Tags(dataset, encoding), cut=True)
    tags = Tags(dataset, encoding)
    if end + 8 > reader.size:
        return _Header(meta, tags, last=max(dataset, default=0))
    try:
        tag, _, length, value = reader.head(end, encoding)
    except CutError:
        return _Header(meta, tags, cut=True)
    pixels = length if tag in _PIXELS else None
    return _Header(meta, tags, pixels, reader.size - value)


def _inflated(file: BinaryIO, start: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    file.seek(start)
    content = inflater.decompress(file.read(), _MAX_INFLATED)
    if inflater.unconsumed_tail:
        raise MemoryError(f"the deflated data set contains more than {_MAX_INFLATED >> 20} MB")
    return content


def _encoding(syntax: str, reader: ElementReader, start: int) -> Encoding:
    """Return the encoding of the first element, which may contradict the transfer syntax.

    The byte order is that of the transfer syntax if there is one.
    """
    first = reader.bytes_at(start, 1) if start < reader.size else b""
    little = syntax != ExplicitVRBigEndian if syntax else first != b"\0"
    return Encoding(implicit=not reader.is_explicit(start, little), little=little)


def _refusal(
    tags: Tags, header: Header, reading: _Header, rows: int, columns: int, count: int
) -> sop_classes.ReasonDetail | None:
    if sop_classes.is_own(header.manufacturer, tags.text(0x00081090), tags.text(0x00080018)):
        return Reason.OWN_RESULT, sop_classes.name_of_uid(header.sop_class)
    if reading.cut:
        return Reason.TRUNCATED, _TRUNCATED_HEADER
    refusal = sop_classes.refusal_by_kind(
        header.sop_class, reading.pixels is not None
    ) or sop_classes.refusal_by_image(
        header.sop_class,
        tags.word(0x00080064),
        header.image_type,
        tags.word(0x00280004),
        tags.integer(0x00280002) or 1,
        tags.word(0x00280301),
    )
    if refusal is None and header.modality == "MR":
        refusal = sop_classes.refusal_by_syntax(header.transfer_syntax)
    return refusal or _refusal_by_size(tags, reading, rows, columns, count)


def _refusal_by_size(
    tags: Tags, reading: _Header, rows: int, columns: int, count: int
) -> sop_classes.ReasonDetail | None:
    assert reading.pixels is not None
    if rows <= 0 or columns <= 0:
        return Reason.BAD_HEADER, "no rows or columns"
    if count <= 0 or count > _MAX_FRAMES:
        return Reason.BAD_HEADER, f"{count} frames"
    if reading.pixels == UNDEFINED:
        if count * _ENCAPSULATED_FRAME > reading.left:
            return Reason.TRUNCATED, f"{count} frames in {reading.left} bytes"
        return None
    bits = tags.integer(0x00280100) or 0
    needed = (rows * columns * count * bits + 7) // 8
    if reading.pixels > reading.left or needed > reading.left:
        return Reason.TRUNCATED, f"{reading.left} of {max(reading.pixels, needed)} bytes"
    if needed > reading.pixels or bits <= 0:
        return Reason.BAD_PIXELS, f"{reading.pixels} of {needed} declared bytes of pixels"
    return None


def _uids(source: str, tags: Tags, header: Header) -> tuple[tuple[str, str, str], set[str]]:
    """Return study, series and instance UID, and flags.

    A missing or invalid UID is replaced with one derived from identifying values.
    """
    study, series, instance = (
        uid if is_valid_uid(uid) else ""
        for uid in (tags.text(0x0020000D), tags.text(0x0020000E), tags.text(0x00080018))
    )
    flags = set() if study and series and instance else {"uid_replaced"}
    study = study or made_uid("study", series or folder_of(source))
    series = series or made_uid("series", study, folder_of(source), str(header.series_number))
    return (study, series, instance or made_uid("instance", source)), flags
