"""Read the headers of files in a worker process; a bad file affects no other file."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

from batchmri.formats.header_context import HeaderContext
from batchmri.formats.header_error import CutError, HeaderError
from batchmri.formats.inflate import SNIFFED_BYTES
from batchmri.formats.quiet import quiet
from batchmri.formats.registry import readers
from batchmri.formats.safe_open import open_regular
from batchmri.formats.sniffer import Kind, sniff
from batchmri.reasons import Reason
from batchmri.records import COMPANION, FileEntry, FileNote, Instance

__all__ = ["HEADER_VERSION", "HeaderContext", "read_headers"]

HEADER_VERSION = 2
"""Increment if a file yields another Instance or FileNote: all headers are then read again."""

# What Python, pydicom and nibabel raise for an invalid header.
_INVALID_HEADER_ERRORS = (ValueError, KeyError, OverflowError, RecursionError, zlib.error)


def read_headers(entries: Sequence[FileEntry], context: HeaderContext) -> list[Instance | FileNote]:
    """Return one Instance per readable file and one FileNote per other file, in order.

    No content of a file makes this function raise.
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
    kind = sniff(entry.path, file.read(SNIFFED_BYTES))
    if not kind.reader:
        return _unrecognized(entry, context, kind)
    reader = readers()[kind.reader]
    file.seek(0)
    try:
        return reader.read_header(entry, context, file)
    except CutError:
        return FileNote(entry.source, Reason.TRUNCATED, "the file ends inside its header")
    except HeaderError as error:
        return FileNote(entry.source, Reason.BAD_HEADER, str(error))
    except _INVALID_HEADER_ERRORS:
        # The text of the error is not reported: it may contain header values.
        return FileNote(
            entry.source, Reason.BAD_HEADER, f"its {reader.title} header cannot be parsed"
        )
    except (MemoryError, OSError):
        raise
    except Exception as error:  # a reader of another package may raise anything
        detail = f"the reader failed on it ({type(error).__name__})"
        return FileNote(entry.source, Reason.BAD_HEADER, detail)


def _unrecognized(entry: FileEntry, context: HeaderContext, kind: Kind) -> Instance | FileNote:
    """Return the header of a file that has it in a separate file, or why it has none."""
    if kind.reason is not Reason.EMPTY_FILE:
        for name, reader in readers().items():
            header_entry = reader.header_file(entry)
            if header_entry is not None:
                header = _read(header_entry, context)
                if isinstance(header, FileNote) or header.format == name:
                    return _companion(header, entry)
    assert kind.reason is not None
    return FileNote(entry.source, kind.reason, kind.name)


def _companion(header: Instance | FileNote, entry: FileEntry) -> Instance | FileNote:
    """Return the Instance or note of its header file for a file without header, without frames."""
    if isinstance(header, FileNote):
        return replace(header, source=entry.source)
    return replace(
        header,
        source=entry.source,
        path=entry.path,
        frames=(),
        refusal=None,
        detail="",
        flags=(COMPANION,),
    )
