"""The registered readers of file formats."""

from collections.abc import Mapping
from functools import cache

from batchmri.extensions import READERS
from batchmri.formats.base import Reader


@cache
def readers() -> Mapping[str, Reader]:
    """One reader of each format, by name, in the order in which they recognize files.

    Raises UsageError if the reader of another package cannot be imported.
    """
    return {name: READERS.load(name)() for name in READERS.names()}


def header_version(built_in: int) -> str:
    """The version of everything that reads headers; files are read again if it changes.

    `built_in` is HEADER_VERSION. Raises UsageError as `readers` does.
    """
    others = (f"{name}={readers()[name].version}" for name in READERS.others())
    return " ".join((str(built_in), *others))
