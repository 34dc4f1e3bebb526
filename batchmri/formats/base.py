"""Interface of the readers of file formats."""

from typing import BinaryIO, Protocol

from batchmri.formats.decode_task import Decoded, DecodeTask
from batchmri.formats.header_context import HeaderContext
from batchmri.records import FileEntry, FileNote, Instance


class Reader(Protocol):
    """Reads the headers and pixels of one file format. Subclasses inherit the defaults below.

    Each worker process creates one object, without arguments. The name under which it is registered
    is `Instance.format`. Attributes:

    `title` is the name of the format in messages. Increase `version` when an unchanged file yields
    another Instance: files are then read again (built-in readers use HEADER_VERSION instead).
    `reads_whole_file` is set if decoding any slice reads the whole file into memory. The scan then
    limits how many are decoded at once, and sends `DecodeTask.shared` for a file in parts.
    """

    title: str
    version: int = 1
    reads_whole_file: bool = False

    def sniff(self, path: str, head: bytes) -> bool:
        """Return whether a file has this format, by its first 4096 bytes, or all if it is shorter.

        `head` is never empty. Readers are tried in the order in which they are registered.
        """

    def read_header(
        self, entry: FileEntry, context: HeaderContext, file: BinaryIO
    ) -> Instance | FileNote:
        """Return the header of a file. `file` is open at its start and is closed by the caller.

        Raise CutError if the file ends within its header: it then gets the reason `truncated`. If
        the header is invalid, raise HeaderError with a text for users, or any other exception: it
        then gets `bad_header`.
        """

    def read_pixels(self, task: DecodeTask) -> Decoded:
        """Decode the requested frames, in display orientation (`formats.orientation.finish`).

        Raise Refused to refuse the whole file with a reason, OSError if it cannot be read, or any
        other exception if its pixels are invalid: it then gets the reason `bad_pixels`.
        """

    def header_file(self, entry: FileEntry) -> FileEntry | None:
        """Return the file that contains the header of `entry`, if that is a separate file.

        This is called for files that no reader recognizes, such as the .img file of a NIfTI pair.
        """
        return None
