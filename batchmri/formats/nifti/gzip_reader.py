"""Reading gzip files that were padded, concatenated or appended to.

Python's own reader refuses a file with other bytes after its last member, even where all content
that is needed comes before them.
"""

import zlib
from typing import BinaryIO

_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 18
_WBITS = 16 + zlib.MAX_WBITS  # zlib reads the gzip header and checks the sum


def is_gzip(stream: BinaryIO) -> bool:
    """Whether a file begins as gzip files do; the stream stays at its start."""
    magic = stream.read(len(_MAGIC))
    stream.seek(0)
    return magic == _MAGIC


class GzipReader:
    """The content of one or several gzip members (RFC 1952), in order.

    Raises EOFError where the file ends inside a member, zlib.error where it does not inflate or
    the checksum is wrong.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._member = zlib.decompressobj(_WBITS)
        self._compressed = b""

    def read(self, n_bytes: int) -> bytes:
        """At most `n_bytes`, at least one; none at the end of the last member."""
        while True:
            if self._member.eof and not self._begin_member():
                return b""
            if content := self._inflate(n_bytes):
                return content

    def finish(self) -> bool:
        """Check the member that was read last if it ends here; whether other bytes follow it.

        Zeros are padding, and a further member is content: neither counts.
        """
        if not self._member.eof:
            self._inflate(1)
        return self._member.eof and not self._begin_member() and bool(self._compressed)

    def _inflate(self, n_bytes: int) -> bytes:
        """Some content of the current member; none where it ends."""
        while True:
            compressed = self._compressed or self._stream.read(_CHUNK)
            content = self._member.decompress(compressed, n_bytes)
            self._compressed = self._member.unconsumed_tail
            if self._member.eof:
                self._compressed = self._member.unused_data
            elif not content:
                if not compressed:
                    raise EOFError
                continue
            return content

    def _begin_member(self) -> bool:
        """Go on to the next member; where there is none, what follows stays in `_compressed`."""
        rest = self._compressed.lstrip(b"\0")
        while len(rest) < len(_MAGIC) and (more := self._stream.read(_CHUNK)):
            rest = (rest + more).lstrip(b"\0")
        self._compressed = rest
        if not rest.startswith(_MAGIC):
            return False
        self._member = zlib.decompressobj(_WBITS)
        return True
