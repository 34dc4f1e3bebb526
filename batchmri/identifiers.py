"""Identifiers: the `source` of a file, UIDs that are valid or replaced, digests."""

import hashlib
import os
import posixpath
import re
import uuid
from collections.abc import Iterable

OWN_UID_ROOT = "2.25.241004316514257513043875712171598748254."
"""Root of the UIDs of objects that batchmri creates: an arc below a project UUID (PS3.5 B.2)."""
OWN_NAME = "batchmri"
"""Manufacturer of these objects."""
BIDS_SUBJECT = re.compile(r"sub-[^/_.]+")
"""The name of the folder of a subject in BIDS, and the beginning of its file names."""
_VALID_UID = re.compile(r"[0-9](?:\.?[0-9])*\.?")
_MAX_UID = 64
_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")
_NAMESPACE = uuid.UUID("b54fbe34-9a0b-4b0c-9ad4-1d7c3f0d1a5e")


def escape(name: str) -> str:
    r"""Escape backslashes and everything but printable UTF-8 as `\xNN` per byte.

    `name` comes from `os.fsdecode`: bytes that are not UTF-8 are surrogates. `unescape` reverses
    the escaping.
    """
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(
        char if char.isprintable() and char != "\\" else _bytes_of(char) for char in name
    )


def unescape(source: str) -> str:
    """Return the name from which `escape` made this source."""
    return _ESCAPED.sub(lambda run: os.fsdecode(bytes.fromhex(run[0].replace("\\x", ""))), source)


def _bytes_of(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))


def folder_of(source: str) -> str:
    """Return the folder part of a source."""
    return posixpath.dirname(source)


def name_of(source: str) -> str:
    """Return the file name of a source."""
    return posixpath.basename(source)


def common_folder(sources: Iterable[str]) -> str:
    """Return the deepest folder that contains all sources, or a single source itself.

    For files in several roots: the folder of the first, or that file if it is a root itself.
    """
    every = sorted(set(sources))
    if len(every) == 1:
        return every[0]
    folders = [folder_of(source) for source in every]
    shared = posixpath.commonpath(folders)
    return shared or folders[0] or every[0]


def is_valid_uid(uid: str) -> bool:
    """Return whether a UID from a header is safe in a path.

    At most 64 characters of `[0-9.]`, a digit first, no `..`.
    """
    return len(uid) <= _MAX_UID and _VALID_UID.fullmatch(uid) is not None


def made_uid(*parts: str) -> str:
    """Return a UID derived from identifying parts: `2.25.` and a UUID5 (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(parts)).int}"


def files_digest(versions: Iterable[tuple[str, str]]) -> str:
    """Digest of files: pairs of a source and a text that changes with the file."""
    return digest(*(f"{source}\0{version}" for source, version in sorted(versions)))


def digest(*parts: str, size: int = 16) -> str:
    """Return the BLAKE2b digest of the parts, as hexadecimal text of 2 × size characters."""
    return hashlib.blake2b(chr(0).join(parts).encode(), digest_size=size).hexdigest()


def part_name(*parts: str) -> str:
    """Return the name of a series part; it begins with a letter, so it is not read as a number."""
    return f"p{digest(*parts, size=4)}"
