"""Inflate the beginning of a compressed file."""

import zlib

GZIP_MAGIC = b"\x1f\x8b"
SNIFFED_BYTES = 4096


def inflated(compressed: bytes, most: int = SNIFFED_BYTES, wbits: int = 31) -> bytes:
    """Return at most `most` bytes of the content of a gzip stream (zlib if `wbits` is 15).

    Returns what precedes the damage if the stream is truncated or damaged. Content may be in
    several gzip members, of which some are empty.
    """
    content = b""
    while compressed and len(content) < most:
        stream = zlib.decompressobj(wbits)
        try:
            content += stream.decompress(compressed, most - len(content))
        except zlib.error:
            break
        compressed = stream.unused_data.lstrip(b"\0")
    return content


def inflated_head(head: bytes) -> bytes:
    """Return the beginning of the content of a file, which may be gzipped."""
    return inflated(head) if head[:2] == GZIP_MAGIC else head
