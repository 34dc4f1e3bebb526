"""Inflate the beginning of a compressed file."""

import io
import zlib
from contextlib import suppress

GZIP_MAGIC = b"\x1f\x8b"
SNIFFED_BYTES = 4096


def inflated(compressed: bytes) -> bytes:
    """Return the first bytes of the content of a zlib stream; empty if they are damaged."""
    try:
        return zlib.decompressobj().decompress(compressed, SNIFFED_BYTES)
    except zlib.error:
        return b""


def inflated_head(head: bytes) -> bytes:
    """Return the beginning of the content of a file, which may be gzipped, up to any damage."""
    if head[:2] != GZIP_MAGIC:
        return head
    from batchmri.formats.gzip_reader import GzipReader  # imports zlib_ng

    reader, content = GzipReader(io.BytesIO(head)), b""
    with suppress(EOFError, zlib.error):
        while (missing := SNIFFED_BYTES - len(content)) and (more := reader.read(missing)):
            content += more
    return content
