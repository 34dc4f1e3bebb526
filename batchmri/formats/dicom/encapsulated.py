"""Find the frames of encapsulated Pixel Data in a file (DICOM PS3.5 A.4).

Offset tables are used only if they match the fragments: some writers omit them, leave them empty
or write wrong offsets.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from batchmri.formats.decode_task import Refused
from batchmri.reasons import Reason

_ITEM = 0xE000FFFE
_DELIMITER = 0xE0DDFFFE
_MAX_ITEMS = 500_000
_CODESTREAM_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")


@dataclass(frozen=True, slots=True)
class Fragment:
    """One item: `item` is the offset of its tag, `start` the offset of its first content byte."""

    item: int
    start: int
    length: int
    head: bytes


def frame_fragments(
    stream: BinaryIO, start: int, size: int, n_frames: int, extended: tuple[int, ...] = ()
) -> list[list[Fragment]]:
    """Return the fragments of each frame of the Pixel Data whose value begins at `start`.

    `size` is the file size, `extended` the Extended Offset Table. Raises Refused: `truncated` if
    the file ends before the last frame begins, `bad_pixels` if the items are invalid.
    """
    items, ended = _items(stream, start, size)
    if not items:
        raise Refused(_missing_reason(ended), "pixel data without items")
    table, fragments = _split_table(stream, items, n_frames)
    frames = (
        _by_offsets(fragments, extended, n_frames)
        or _by_offsets(fragments, table, n_frames)
        or _by_count(fragments, n_frames)
        or _by_codestream(fragments)
    )
    if len(frames) < n_frames and ended:
        raise Refused(Reason.BAD_PIXELS, f"contains {len(frames)} of {n_frames} frames")
    return frames


def read_frame(stream: BinaryIO, fragments: list[Fragment], size: int, max_bytes: int) -> bytes:
    """Read the bytes of one frame.

    Raises Refused: `truncated` if the file ends inside the frame, `too_large` above `max_bytes`.
    """
    if any(part.start + part.length > size for part in fragments):
        raise Refused(Reason.TRUNCATED, "the file ends inside a frame")
    if sum(part.length for part in fragments) > max_bytes:
        raise Refused(Reason.TOO_LARGE, "a compressed frame exceeds the memory limit")
    pieces = []
    for part in fragments:
        stream.seek(part.start)
        pieces.append(stream.read(part.length))
    return b"".join(pieces)


def _items(stream: BinaryIO, start: int, size: int) -> tuple[list[Fragment], bool]:
    """Return all items, and whether they end with a delimiter (rather than the end of the file)."""
    items: list[Fragment] = []
    position = start
    while position + 8 <= size:
        stream.seek(position)
        header = stream.read(20)
        if len(header) < 8:
            return items, False
        tag, length = struct.unpack("<LL", header[:8])
        if tag == _DELIMITER:
            return items, True
        if tag != _ITEM or length == 0xFFFFFFFF or len(items) == _MAX_ITEMS:
            raise Refused(Reason.BAD_PIXELS, "damaged fragment items")
        items.append(Fragment(position, position + 8, length, header[8 : 8 + min(length, 12)]))
        position += 8 + length
    return items, False


def _split_table(
    stream: BinaryIO, items: list[Fragment], n_frames: int
) -> tuple[tuple[int, ...], list[Fragment]]:
    """Return the Basic Offset Table and the fragments; some writers omit the item of the table."""
    first, rest = items[0], items[1:]
    if first.head.startswith(_CODESTREAM_STARTS):
        return (), items
    if not rest:
        raise Refused(Reason.TRUNCATED, "the file ends before the first frame")
    stream.seek(first.start)
    raw = stream.read(min(first.length, 4 * n_frames + 4))
    return struct.unpack(f"<{len(raw) // 4}L", raw[: len(raw) // 4 * 4]), rest


def _by_offsets(
    fragments: list[Fragment], offsets: tuple[int, ...], n_frames: int
) -> list[list[Fragment]]:
    """Return the frames according to an offset table; empty if it does not match the items."""
    origin = fragments[0].item
    index = {fragment.item - origin: at for at, fragment in enumerate(fragments)}
    starts = [index.get(offset, -1) for offset in offsets]
    fits = len(starts) == n_frames and starts[0] == 0 and starts == sorted(set(starts))
    return _split_at(fragments, starts) if fits else []


def _by_count(fragments: list[Fragment], n_frames: int) -> list[list[Fragment]]:
    if n_frames == 1:
        return [fragments]
    if len(fragments) == n_frames:
        return [[fragment] for fragment in fragments]
    return []


def _by_codestream(fragments: list[Fragment]) -> list[list[Fragment]]:
    """Return frames that begin where a codestream begins; RLE has one fragment per frame."""
    starts = [
        at for at, fragment in enumerate(fragments) if fragment.head.startswith(_CODESTREAM_STARTS)
    ]
    if not starts or starts[0] != 0:
        return [[fragment] for fragment in fragments]
    return _split_at(fragments, starts)


def _split_at(fragments: list[Fragment], starts: list[int]) -> list[list[Fragment]]:
    return [fragments[a:b] for a, b in zip(starts, [*starts[1:], len(fragments)], strict=True)]


def _missing_reason(ended: bool) -> Reason:
    return Reason.BAD_PIXELS if ended else Reason.TRUNCATED
