"""The registered readers of file formats."""

from collections.abc import Mapping
from functools import cache

from batchmri.extensions import READERS
from batchmri.formats.base import Reader
from batchmri.header import STATED

_STATED_IN_VERSION_2 = frozenset(
    ("series_number", "echo_time", "repetition_time", "inversion_time", "flip_angle")
)


@cache
def readers() -> Mapping[str, Reader]:
    """One reader of each format, by name, in the order in which they recognize files.

    Raises UsageError if the reader of another package cannot be imported.
    """
    return {name: READERS.load(name)() for name in READERS.names()}


def header_version(built_in: int) -> str:
    """The version of everything that reads headers; files are read again if it changes.

    `built_in` is HEADER_VERSION. The numbers that were added to `Header` since its version 2 are
    part of the version. Raises UsageError as `readers` does.
    """
    added = sorted(set(STATED) - _STATED_IN_VERSION_2)
    others = (f"{name}={readers()[name].version}" for name in READERS.others())
    return " ".join((str(built_in), *added, *others))
