"""Open a DICOM file for its pixels: read header elements and locate Pixel Data."""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from pydicom import config, dcmread, uid
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import STANDARD_VR, VR

from batchmri.formats.decode_task import Refused
from batchmri.reasons import Reason

_KEYWORDS = {
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
    0x7FE00010: "PixelData",
}
_WANTED: list[BaseTag | int] = [
    Tag(keyword)
    for keyword in (
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "NumberOfFrames",
        "Rows",
        "Columns",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "PixelPaddingValue",
        "PixelPaddingRangeLimit",
        "RescaleIntercept",
        "RescaleSlope",
        "ModalityLUTSequence",
        "PresentationLUTShape",
        "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence",
        "ExtendedOffsetTable",
    )
]
# The transfer syntax element of a deflated file. It is searched for without parsing, because
# pydicom would inflate the whole file, whatever its size.
_DEFLATED = b"\x02\x00\x10\x00UI\x16\x00" + str(uid.DeflatedExplicitVRLittleEndian).encode()
_META_WITHIN = 1 << 16


@dataclass(frozen=True, slots=True)
class DicomFile:
    """Header and location of the pixel element; `length` is None if it is undefined.

    `stream` is the file, or its inflated content, of `size` bytes; pixels begin at `start`.
    """

    header: Dataset
    syntax: uid.UID
    stream: BinaryIO
    size: int
    keyword: str
    vr: str
    start: int
    length: int | None


def open_dicom(stream: BinaryIO, max_bytes: int) -> DicomFile:
    """Read the header and locate the pixels.

    Raises Refused (`no_pixel_data`, `truncated`, `too_large`, `unsupported_transfer_syntax`), and
    any exception of pydicom for a header that it cannot read.
    """
    head = stream.read(_META_WITHIN)
    stream.seek(0)
    try:
        if _DEFLATED in head:
            header, stream = _inflated(stream, max_bytes)
        else:
            header = _read(stream)
    except (struct.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        # pydicom raises an OSError without an errno for a truncated sequence.
        raise Refused(Reason.TRUNCATED, "the file ends inside its header") from None
    _correct_values(header)
    at = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    stream.seek(at)
    implicit, little = header.original_encoding
    keyword, vr, length = _pixel_element(stream, bool(implicit), "<" if little else ">")
    return DicomFile(header, _syntax(header), stream, size, keyword, vr, stream.tell(), length)


def _read(stream: BinaryIO) -> Dataset:
    """Read the wanted elements; the stream is at the pixels afterwards.

    In a file of explicit VR, pydicom treats an element whose VR is not two letters (`??`, two
    spaces) as implicit VR. If that skips the pixels, the element is read as explicit VR, as in
    dcmtk.
    """
    tags = [int(tag) for tag in _WANTED]
    for assume_implicit in (True, False):
        stream.seek(0)
        assumed = config.assume_implicit_vr_switch
        config.assume_implicit_vr_switch = assume_implicit
        try:
            header = dcmread(stream, force=True, stop_before_pixels=True, specific_tags=tags)
        except (struct.error, EOFError, NotImplementedError):
            if not assume_implicit:
                raise
            continue
        finally:
            config.assume_implicit_vr_switch = assumed
        if stream.read(1):
            stream.seek(-1, io.SEEK_CUR)
            break
    return header


def _correct_values(header: Dataset) -> None:
    """Correct values that pydicom would refuse: VRs that do not exist, decimal commas."""
    for tag, element in list(header._dict.items()):
        if not isinstance(element, RawDataElement):
            continue
        if element.VR is not None and element.VR not in STANDARD_VR:
            element = element._replace(VR=None)
        if element.value and (element.VR or dictionary_VR(tag)) == VR.DS:
            element = element._replace(value=element.value.replace(b",", b"."))
        header._dict[tag] = element


def _inflated(stream: BinaryIO, max_bytes: int) -> tuple[Dataset, BinaryIO]:
    """Inflate a deflated data set to at most `max_bytes` (PS3.5 A.5).

    Returns the header and a stream of the inflated data set at its pixels.
    """
    read_preamble(stream, force=True)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    body = io.BytesIO()
    while not inflate.eof and (chunk := stream.read(1 << 20)):
        try:
            body.write(inflate.decompress(chunk, max_bytes - body.tell() + 1))
        except zlib.error:
            raise Refused(Reason.BAD_PIXELS, "the deflated data set is damaged") from None
        if body.tell() > max_bytes:
            raise Refused(Reason.TOO_LARGE, "the inflated data set exceeds the memory limit")
    body.seek(0)
    header = read_dataset(body, False, True, stop_when=_at_pixels, specific_tags=_WANTED)
    header.file_meta = FileMetaDataset(meta)
    return header, body


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag in _KEYWORDS


def _pixel_element(stream: BinaryIO, implicit: bool, order: str) -> tuple[str, str, int | None]:
    """Return keyword, VR and length of the pixel element; the stream is at its value afterwards."""
    raw = stream.read(8 if implicit else 12)
    if not raw:
        raise Refused(Reason.NO_PIXEL_DATA)
    try:
        group, element = struct.unpack_from(f"{order}HH", raw)
        (length,) = struct.unpack_from(f"{order}L", raw, len(raw) - 4)
    except struct.error:
        raise Refused(Reason.TRUNCATED, "the file ends before its pixels") from None
    keyword = _KEYWORDS.get(group << 16 | element)
    if keyword is None:
        raise Refused(Reason.NO_PIXEL_DATA)
    vr = "OW" if implicit else raw[4:6].decode("ascii", "replace")
    return keyword, vr, None if length == 0xFFFFFFFF else length


def _syntax(header: Dataset) -> uid.UID:
    """Return the stated transfer syntax, or the one pydicom detected without a meta header."""
    stated = header.file_meta.get("TransferSyntaxUID")
    if stated:
        return uid.UID(str(stated))
    implicit, little = header.original_encoding
    if not little:
        return uid.ExplicitVRBigEndian
    return uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
