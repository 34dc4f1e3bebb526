"""Read the headers of a chunk of files in a worker process; a bad file affects no other file."""

import zlib
from collections.abc import Sequence
from typing import BinaryIO

from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from batchmri.formats.dicom.header import read_dicom_header
from batchmri.formats.header_context import HeaderContext
from batchmri.formats.header_error import CutError, HeaderError
from batchmri.formats.nifti.header import (
    companion_of,
    header_beside,
    header_entry,
    read_nifti_header,
)
from batchmri.formats.quiet import quiet
from batchmri.formats.safe_open import open_regular
from batchmri.formats.sniffer import SNIFFED_BYTES, Kind, inflated, sniff
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote, Instance

__all__ = ["HEADER_VERSION", "HeaderContext", "read_headers"]

HEADER_VERSION = 2
"""Increment whenever a file yields a different Instance or FileNote: headers are read again."""

# What nibabel, pydicom, zlib and Python raise for an invalid header.
_INVALID_HEADER_ERRORS = (
    HeaderDataError,
    WrapStructError,
    ValueError,
    KeyError,
    OverflowError,
    RecursionError,
    zlib.error,
)


def read_headers(entries: Sequence[FileEntry], context: HeaderContext) -> list[Instance | FileNote]:
    """Return one Instance per DICOM or NIfTI file and one FileNote per other file, in order.

    Never raises because of the content of a file.
    """
    with quiet():
        return [_read(entry, context) for entry in entries]


def _read(entry: FileEntry, context: HeaderContext) -> Instance | FileNote:
    try:
        with open_regular(entry.path) as file:
            return _read_open(entry, context, file)
    except MemoryError as error:
        return FileNote(entry.source, Reason.TOO_LARGE, str(error))
    except OSError as error:
        return FileNote(entry.source, Reason.IO_ERROR, error.strerror or "it could not be read")


def _read_open(entry: FileEntry, context: HeaderContext, file: BinaryIO) -> Instance | FileNote:
    head = file.read(SNIFFED_BYTES)
    kind = sniff(entry.path, head)
    try:
        if kind.reader == "dicom":
            file.seek(0)
            return read_dicom_header(entry, context, file)
        if kind.reader:
            content = inflated(head) if head[:2] == b"\x1f\x8b" else head
            return read_nifti_header(entry, context, content, pair=kind.reader == "nifti_pair")
        return _not_readable(entry, context, kind)
    except CutError:
        return FileNote(entry.source, Reason.TRUNCATED, "the file ends inside its header")
    except HeaderError as error:
        return FileNote(entry.source, Reason.BAD_HEADER, str(error))
    except _INVALID_HEADER_ERRORS:
        # The text of the error is not reported: it may contain header values.
        name = "DICOM" if kind.reader == "dicom" else "NIfTI"
        return FileNote(entry.source, Reason.BAD_HEADER, f"its {name} header cannot be parsed")


def _not_readable(entry: FileEntry, context: HeaderContext, kind: Kind) -> Instance | FileNote:
    beside = header_beside(entry)
    if beside is not None and kind.reason is not Reason.EMPTY_FILE:
        header = _read(header_entry(entry, beside), context)
        if isinstance(header, FileNote) or header.format == "nifti":
            return companion_of(header, entry)
    assert kind.reason is not None
    return FileNote(entry.source, kind.reason, kind.name)
