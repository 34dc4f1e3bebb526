"""Read gzip files with padding, several members or other bytes at their end.

Python's gzip module refuses a file with other bytes after its last member, even if all content
that is needed comes before them.
"""

import zlib
from typing import BinaryIO

from zlib_ng import zlib_ng  # twice as fast as zlib

from batchmri.formats.inflate import GZIP_MAGIC

_MEMBER = GZIP_MAGIC + b"\x08"  # the only method of compression
_CHUNK = 1 << 18
_WBITS = 16 + zlib.MAX_WBITS  # the gzip header is read and the checksum verified


def is_gzip(stream: BinaryIO) -> bool:
    """Return whether a file begins with the gzip magic; the stream is at its start afterwards."""
    magic = stream.read(len(GZIP_MAGIC))
    stream.seek(0)
    return magic == GZIP_MAGIC


class GzipReader:
    """Reads the content of one or several gzip members (RFC 1952), in order.

    Raises EOFError if the file ends inside a member, zlib.error if it cannot be inflated or the
    checksum is wrong.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._member = zlib_ng.decompressobj(_WBITS)
        self._compressed = b""

    def read(self, n_bytes: int) -> bytes:
        """Read at least one and at most `n_bytes`; empty at the end of the last member."""
        while True:
            if self._member.eof and not self._begin_member():
                return b""
            if content := self._inflate(n_bytes):
                return content

    def finish(self) -> bool:
        """Verify the last member if all of it was read; return whether other bytes follow it.

        Zeros (padding) and a further member (content) do not count as other bytes.
        """
        if not self._member.eof:
            self._inflate(1)
        return self._member.eof and not self._begin_member() and bool(self._compressed)

    def _inflate(self, n_bytes: int) -> bytes:
        """Return some content of the current member; empty at its end."""
        while True:
            compressed = self._compressed or self._stream.read(_CHUNK)
            try:
                content = self._member.decompress(compressed, n_bytes)
            except zlib_ng.error as error:  # type: ignore[misc]  # its stub is wrong
                raise zlib.error(*error.args) from None
            self._compressed = self._member.unconsumed_tail
            if self._member.eof:
                self._compressed = self._member.unused_data
            elif not content:
                if not compressed:
                    raise EOFError
                continue
            return content

    def _begin_member(self) -> bool:
        """Start the next member; if there is none, the bytes that follow stay in `_compressed`."""
        rest = self._compressed.lstrip(b"\0")
        while len(rest) < len(_MEMBER) and (more := self._stream.read(_CHUNK)):
            rest = (rest + more).lstrip(b"\0")
        self._compressed = rest
        if not rest.startswith(_MEMBER):
            return False
        self._member = zlib_ng.decompressobj(_WBITS)
        return True
