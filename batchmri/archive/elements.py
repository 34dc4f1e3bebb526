"""The data elements of a DICOM header, as stored bytes (PS3.5 chapter 7).

pydicom reads any object into values; of a header only some fifty elements matter here, which this
finds ten times faster. It is bounded, too: nothing is allocated for a length that the file does
not hold, and nesting ends at a fixed depth. tags.py makes values of the bytes. A test holds it
against pydicom on every file at hand.
"""

import io
import struct
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

UNDEFINED = 0xFFFFFFFF
_ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())  # length of four bytes
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_BULK = _LONG - {b"SQ", b"UN"}
_CHUNK = 32_768
_MAX_VALUE = 2**28
_MAX_DEPTH = 64


class CutError(ValueError):
    """The file ends within an element."""


class Element(NamedTuple):
    """VR as stated (empty where it is not) and the value; a sequence of undefined length is read
    into its items, one of defined length is left as bytes until it is asked for."""

    vr: str
    value: "bytes | list[Dataset]"


Dataset = dict[int, Element]


class _All:
    def __contains__(self, tag: object) -> bool:
        return True


_EVERY_TAG = _All()


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written."""

    implicit: bool
    little: bool

    @property
    def order(self) -> str:
        """The byte order as struct writes it."""
        return "<" if self.little else ">"


class ElementReader:
    """Elements of a file, read forward; a chunk of it is held."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.size = file, size
        self._chunk, self._base = b"", 0

    def bytes_at(self, position: int, length: int) -> bytes:
        """Bytes of the file; raises CutError where it does not hold them."""
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
        """Read the wanted elements before tag `until` into a dataset.

        Returns the place of the first element from `until` on, or of the end of the file. Raises
        CutError where the file ends within an element; what stands before is in `into` then.
        """
        return self._elements(start, self.size, until, wanted, encoding, 0, into)

    def head(self, position: int, encoding: Encoding) -> tuple[int, str, int, int]:
        """Tag, VR, declared length and place of the value of the element at a place."""
        order = encoding.order
        offset = self._offset(position)
        try:
            group, number, vr, length = struct.unpack_from(order + "HH2sH", self._chunk, offset)
            if not encoding.implicit and vr in _LONG:
                length = struct.unpack_from(order + "I", self._chunk, offset + 8)[0]
                return group << 16 | number, vr.decode(), length, position + 12
            if encoding.implicit or not (vr.isalpha() and vr.isupper()):
                length = struct.unpack_from(order + "I", self._chunk, offset + 4)[0]
                return group << 16 | number, "", length, position + 8
        except struct.error:
            raise CutError("an element") from None
        return group << 16 | number, vr.decode(), length, position + 8

    def items(self, start: int, end: int, encoding: Encoding, depth: int = 0) -> list[Dataset]:
        """The items of a sequence that ends at a place."""
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
            raise ValueError(f"nested more than {_MAX_DEPTH} deep")
        unpack_explicit = struct.Struct(encoding.order + "HH2sH").unpack_from
        unpack_length = struct.Struct(encoding.order + "I").unpack_from
        implicit = encoding.implicit
        while position + 8 <= end:
            offset = position - self._base
            if offset < 0 or offset + 12 > len(self._chunk):
                offset = self._offset(position)
            group, number, vr, length = unpack_explicit(self._chunk, offset)
            tag = group << 16 | number
            if tag >= until:
                if tag == _END_OF_ITEM and depth:
                    return position + 8
                return position
            if not implicit and vr in _SHORT:
                position += 8
            elif not implicit and vr in _LONG:
                if offset + 12 > len(self._chunk):
                    raise CutError("an element")
                length = unpack_length(self._chunk, offset + 8)[0]
                position += 12
            else:
                # In explicit VR an unknown VR of two letters has a length of two bytes; anything
                # else there is an element that somebody wrote in implicit VR.
                if implicit or not (vr.isalpha() and vr.isupper()):
                    length = unpack_length(self._chunk, offset + 4)[0]
                    vr = b""
                position += 8
            if length == UNDEFINED:
                position = self._undefined(position, tag, vr, wanted, encoding, depth, into)
                continue
            if tag in wanted:
                if _MAX_VALUE < length <= end - position:
                    raise MemoryError(f"an element of {length >> 20} MB in its header")
                into[tag] = Element(vr.decode(), self.bytes_at(position, length))
            position += length
            if position > end:
                raise CutError(f"{length} bytes")
        return position

    def _undefined(
        self,
        position: int,
        tag: int,
        vr: bytes,
        wanted: Container[int],
        encoding: Encoding,
        depth: int,
        into: Dataset,
    ) -> int:
        """Past a value of undefined length: items, or fragments of bulk data."""
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
                raise ValueError("no item where one must be")
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
        """Where a place of the file lies in the chunk, moved there if it must be."""
        offset = position - self._base
        if offset < 0 or offset + 12 > len(self._chunk):
            if position >= self.size:
                raise CutError("an element")
            self._file.seek(position)
            self._chunk, self._base = self._file.read(_CHUNK), position
            offset = 0
            if len(self._chunk) < 8:
                raise CutError("an element")
        return offset


def items_in(content: bytes, encoding: Encoding) -> list[Dataset]:
    """The items of a sequence of defined length."""
    return ElementReader(io.BytesIO(content), len(content)).items(0, len(content), encoding)
