"""Read the data elements of a DICOM header as stored bytes (PS3.5 chapter 7).

pydicom parses all elements of an object; this parser reads only about fifty of them, and is several
times as fast. Its use of resources is limited: no memory is allocated for a length that exceeds the
file, and nesting depth is limited. dataset.py converts the bytes to values. A test compares the
parser with pydicom on all available files.
"""

import io
import struct
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

from batchmri.formats.header_error import CutError, HeaderError

UNDEFINED = 0xFFFFFFFF
_ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())  # 4-byte length field
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_KNOWN = _LONG | _SHORT
_BULK = _LONG - {b"SQ", b"UN"}
_NAMES = {vr: vr.decode() for vr in (*_KNOWN, b"")}
_HEADS = {order: struct.Struct(order + "HH2sH").unpack_from for order in "<>"}
_LENGTHS = {order: struct.Struct(order + "I").unpack_from for order in "<>"}
_MAX_HEAD = 12  # bytes before the value of an element
_CHUNK = 32_768
_MAX_VALUE = 2**28
_MAX_DEPTH = 64
_SHORT_FORM, _LONG_FORM, _IMPLICIT_FORM = range(3)
_PADDING = b"\0\r\n \x1a"  # bytes that transfers append to a file


class Element(NamedTuple):
    """VR (empty if the file does not state it) and value.

    The value of a sequence of undefined length is its items; a sequence of defined length is kept
    as bytes until it is needed.
    """

    vr: str
    value: "bytes | list[Dataset]"


Dataset = dict[int, Element]


class _All:
    def __contains__(self, tag: object) -> bool:
        return True


_EVERY_TAG = _All()


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of elements: implicit or explicit VR, little or big endian."""

    implicit: bool
    little: bool

    @property
    def order(self) -> str:
        """The byte order in the notation of the struct module."""
        return "<" if self.little else ">"


class ElementReader:
    """Reads elements of a file sequentially; keeps one chunk of the file in memory."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.size = file, size
        self._chunk, self._base = b"", 0

    def bytes_at(self, position: int, length: int) -> bytes:
        """Return bytes of the file; raises CutError if the file ends before them."""
        if position + length > self.size:
            raise CutError(f"{length} bytes")
        offset = position - self._base
        if offset >= 0 and offset + length <= len(self._chunk):
            return self._chunk[offset : offset + length]
        self._file.seek(position)
        content = self._file.read(length)
        if len(content) < length:
            raise CutError(f"{length} bytes")
        return content

    def read(
        self, start: int, until: int, wanted: Container[int], encoding: Encoding, into: Dataset
    ) -> int:
        """Read the wanted elements before tag `until` into the dataset `into`.

        Returns the position of the first element with a tag of at least `until`, or of the end of
        the file. Raises CutError if the file ends within an element; `into` then contains the
        elements before it.
        """
        position = self._elements(start, self.size, until, wanted, encoding, 0, into)
        rest = self.size - position
        if 0 < rest < 8 and self.bytes_at(position, rest).strip(_PADDING):
            raise CutError("an element")
        return position

    def head(self, position: int, encoding: Encoding) -> tuple[int, str, int, int]:
        """Return tag, VR, declared length and value position of the element at a position."""
        order = encoding.order
        offset = self._offset(position)
        try:
            group, number, vr, length = struct.unpack_from(order + "HH2sH", self._chunk, offset)
            if not encoding.implicit and vr in _LONG:
                length = struct.unpack_from(order + "I", self._chunk, offset + 8)[0]
                return group << 16 | number, vr.decode(), length, position + 12
            if encoding.implicit:
                length = struct.unpack_from(order + "I", self._chunk, offset + 4)[0]
                return group << 16 | number, "", length, position + 8
        except struct.error:
            raise CutError("an element") from None
        tag = group << 16 | number
        if vr in _SHORT:
            return tag, vr.decode(), length, position + 8
        length, size = self._lengths_of_unknown_vr(position, tag, self.size, order)
        return tag, "", length, position + size

    def is_explicit(self, position: int, little: bool) -> bool:
        """Return whether the element at a position has a VR, even one that is not standard."""
        order = "<" if little else ">"
        if position + 8 > self.size:
            return False
        vr = self.bytes_at(position + 4, 2)
        if vr in _KNOWN or (vr.isalpha() and vr.isupper()):
            return True
        tag = self._tag(position, order)
        return any(
            self._is_plausible(position + size, length, tag, b"", form, self.size, order)
            for form, (length, size) in enumerate(self._lengths(position, order)[:2])
        )

    def items(self, start: int, end: int, encoding: Encoding, depth: int = 0) -> list[Dataset]:
        """Return the items of a sequence between two positions."""
        return self._items(start, end, True, encoding, depth)[0]

    def _elements(
        self,
        position: int,
        end: int,
        until: int,
        wanted: Container[int],
        encoding: Encoding,
        depth: int,
        into: Dataset,
    ) -> int:
        if depth > _MAX_DEPTH:
            raise HeaderError(f"sequences are nested more than {_MAX_DEPTH} deep")
        unpack_head, unpack_length = _HEADS[encoding.order], _LENGTHS[encoding.order]
        implicit = encoding.implicit
        chunk, base, chunk_end = b"", 0, 0
        while position + 8 <= end:
            offset = position - base
            if offset < 0 or offset + _MAX_HEAD > len(chunk):
                offset = self._offset(position)
                chunk, base = self._chunk, self._base
                chunk_end = min(base + len(chunk), self.size)
            group, number, vr, length = unpack_head(chunk, offset)
            tag = group << 16 | number
            if tag >= until:
                if tag == _END_OF_ITEM and depth:
                    return position + 8
                return position
            if not implicit and vr in _SHORT:
                position += 8
            elif not implicit and vr in _LONG:
                if offset + _MAX_HEAD > len(chunk):
                    raise CutError("an element")
                length = unpack_length(chunk, offset + 8)[0]
                position += _MAX_HEAD
            elif implicit:
                length = unpack_length(chunk, offset + 4)[0]
                vr = b""
                position += 8
            else:
                length, size = self._lengths_of_unknown_vr(position, tag, end, encoding.order)
                vr = b""
                position += size
            if length == UNDEFINED:
                position = self._read_undefined_length(
                    position, tag, vr, wanted, encoding, depth, into
                )
                chunk = b""  # items may have replaced it
                continue
            if tag in wanted:
                if position + length <= chunk_end:
                    value = chunk[position - base : position - base + length]
                elif _MAX_VALUE < length <= end - position:
                    raise MemoryError(f"an element of {length >> 20} MB in its header")
                else:
                    value = self.bytes_at(position, length)
                into[tag] = Element(_NAMES[vr], value)
            position += length
            if position > end:
                raise CutError(f"{length} bytes")
        return position

    def _lengths_of_unknown_vr(
        self, position: int, tag: int, end: int, order: str
    ) -> tuple[int, int]:
        """Return length of the value and of the header of an element with an unknown VR.

        The VR may be invalid, such as `??` or two spaces, from a later edition of the standard, or
        missing (implicit). Each possible form of the element header is tried, and the one that is
        followed by another valid element is used. If there is none, the two characters decide, as
        they do in dcmtk and pydicom.
        """
        vr = self.bytes_at(position + 4, 2)
        lengths = self._lengths(position, order)
        forms = (_SHORT_FORM, _LONG_FORM, _IMPLICIT_FORM)
        if not _is_like_vr(vr):
            forms = (_IMPLICIT_FORM, _SHORT_FORM, _LONG_FORM)
        for form in forms:
            length, size = lengths[form]
            if self._is_plausible(position + size, length, tag, vr, form, end, order):
                return length, size
        return lengths[forms[0]]

    def _lengths(self, position: int, order: str) -> list[tuple[int, int]]:
        """Return length of the value and of the header according to each form of an element."""
        head = self.bytes_at(position, min(12, self.size - position)).ljust(12, b"\0")
        short, long = struct.unpack_from(order + "HI", head, 6)
        (implicit,) = struct.unpack_from(order + "I", head, 4)
        return [(short, 8), (long, 12), (implicit, 8)]

    def _is_plausible(
        self,
        start: int,
        length: int,
        tag: int,
        vr: bytes,
        form: int,
        end: int,
        order: str,
        hops: int = 2,
    ) -> bool:
        """Return whether the element header before `start` is plausible in the form `form`.

        The value must be followed by the end, or by elements with higher tags and a known VR or
        the VR `vr` in the same form. `hops` following elements are checked.
        """
        position = start + length
        if length == UNDEFINED:
            return start + 8 <= end and self._tag(start, order) in (_ITEM, _END_OF_SEQUENCE)
        if position == end or hops == 0:
            return position <= end
        if position + 8 > end:
            return False
        following, next_vr = self._tag(position, order), self.bytes_at(position + 4, 2)
        if following == _END_OF_ITEM:
            return True
        if following <= tag or not (next_vr in _KNOWN or next_vr == vr):
            return False
        next_form = _LONG_FORM if next_vr in _LONG else _SHORT_FORM
        length, size = self._lengths(position, order)[next_form if next_vr in _KNOWN else form]
        return self._is_plausible(
            position + size, length, following, vr, form, end, order, hops - 1
        )

    def _tag(self, position: int, order: str) -> int:
        group, number = struct.unpack(order + "HH", self.bytes_at(position, 4))
        return int(group << 16 | number)

    def _read_undefined_length(
        self,
        position: int,
        tag: int,
        vr: bytes,
        wanted: Container[int],
        encoding: Encoding,
        depth: int,
        into: Dataset,
    ) -> int:
        """Read or skip a value of undefined length (items, or fragments of bulk data).

        Returns the position after it.
        """
        if vr == b"UN":
            encoding = replace(encoding, implicit=True)  # PS3.5 6.2.2
        keep = tag in wanted and vr not in _BULK
        items, position = self._items(position, None, keep, encoding, depth + 1)
        if keep:
            into[tag] = Element("SQ", items)
        return position

    def _items(
        self, position: int, end: int | None, keep: bool, encoding: Encoding, depth: int
    ) -> tuple[list[Dataset], int]:
        items: list[Dataset] = []
        while end is None or position < end:
            offset = self._offset(position)
            try:
                group, number, length = struct.unpack_from(
                    encoding.order + "HHI", self._chunk, offset
                )
            except struct.error:
                raise CutError("an item") from None
            position += 8
            tag = group << 16 | number
            if tag == _END_OF_SEQUENCE:
                break
            if tag != _ITEM:
                raise HeaderError("a sequence contains something other than items")
            if length != UNDEFINED and not keep:
                position += length
                continue
            item: Dataset = {}
            stop = self.size if length == UNDEFINED else position + length
            position = self._elements(
                position, stop, _ITEM, _EVERY_TAG if keep else (), encoding, depth, item
            )
            items.append(item)
        return items, position

    def _offset(self, position: int) -> int:
        """Return the offset of a file position in the chunk; loads another chunk if necessary."""
        offset = position - self._base
        if offset < 0 or offset + _MAX_HEAD > len(self._chunk):
            if position >= self.size:
                raise CutError("an element")
            self._file.seek(position)
            self._chunk, self._base = self._file.read(_CHUNK), position
            offset = 0
            if len(self._chunk) < 8:
                raise CutError("an element")
        return offset


def _is_like_vr(vr: bytes) -> bool:
    """Return whether two bytes are more likely a VR than the lower half of a length."""
    return vr == b"\0\0" or all(0x20 <= byte < 0x7F for byte in vr)


def items_in(content: bytes, encoding: Encoding) -> list[Dataset]:
    """Return the items of a sequence of defined length."""
    return ElementReader(io.BytesIO(content), len(content)).items(0, len(content), encoding)
