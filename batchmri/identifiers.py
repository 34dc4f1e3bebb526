"""Names: the `source` of a file, and UIDs that are valid or replaced."""

import hashlib
import os
import posixpath
import re
import uuid
from collections.abc import Iterable

_VALID_UID = re.compile(r"[0-9](?:\.?[0-9])*\.?")
_MAX_UID = 64
_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")
_NAMESPACE = uuid.UUID("b54fbe34-9a0b-4b0c-9ad4-1d7c3f0d1a5e")


def escape(name: str) -> str:
    r"""What is not printable UTF-8, and the backslash, as `\xNN` per byte; `unescape` undoes it.

    `name` comes from `os.fsdecode`: bytes that are not UTF-8 stand in it as surrogates.
    """
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(
        char if char.isprintable() and char != "\\" else _bytes_of(char) for char in name
    )


def unescape(source: str) -> str:
    """The name that `escape` was given."""
    return _ESCAPED.sub(lambda run: os.fsdecode(bytes.fromhex(run[0].replace("\\x", ""))), source)


def _bytes_of(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))


def folder_of(source: str) -> str:
    """The folder part of a source."""
    return posixpath.dirname(source)


def name_of(source: str) -> str:
    """The file name of a source."""
    return posixpath.basename(source)


def common_folder(sources: Iterable[str]) -> str:
    """The one source itself, or the deepest folder that holds all.

    Of files in several roots the folder of the first, or that file where it is a root itself.
    """
    every = sorted(set(sources))
    if len(every) == 1:
        return every[0]
    folders = [folder_of(source) for source in every]
    shared = posixpath.commonpath(folders)
    return shared or folders[0] or every[0]


def is_valid_uid(uid: str) -> bool:
    """Whether a UID from a header may stand in a path: 64 of `[0-9.]`, a digit first, no `..`."""
    return len(uid) <= _MAX_UID and _VALID_UID.fullmatch(uid) is not None


def made_uid(*parts: str) -> str:
    """A UID made of what identifies something: `2.25.` and a UUID5 (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(parts)).int}"


def digest(*parts: str, size: int = 16) -> str:
    """Blake2b of the parts, as hexadecimal text of 2 × size characters."""
    return hashlib.blake2b(chr(0).join(parts).encode(), digest_size=size).hexdigest()


def part_name(*parts: str) -> str:
    """Name of a series part: begins with a letter, so that no reader takes it for a number."""
    return f"p{digest(*parts, size=4)}"
