"""Read header values of a DICOM dataset, tolerating invalid elements.

Headers contain wrong value representations, text instead of numbers, several values instead of one,
or none. A value that cannot be read as its expected type counts as missing.
"""

import math
import re
import struct
from collections.abc import Collection
from functools import lru_cache

from pydicom.charset import CODES_TO_ENCODINGS, convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR

from batchmri.formats.dicom.parser import Dataset, Element, Encoding, items_in
from batchmri.formats.header_error import CutError

_CHARSET = 0x00080005
_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "OW": "H"}
_UNDEFINED_VRS = ("", "UN", "OB")
_MAX_TEXT = 1024  # characters; the standard allows 64 here, and texts are searched for patterns
_MAX_RAW_TEXT = 16 * _MAX_TEXT  # bytes: each character may have escape sequences
_TEXT_DELIMITERS = {0x0A, 0x0C, 0x0D, 0x5C}
_SPACED_SIGN = re.compile(r"^([+-]) +")
_MAX_CACHED = 1024  # bytes of a value, so that a cache of values stays small
_ESCAPE = b"\x1b"
_ESCAPE_ENCODINGS = tuple(dict.fromkeys(CODES_TO_ENCODINGS.values()))
# pydicom does not remove the escape sequences of ISO 2022 IR 58 from the text.
_REMAINING_ESCAPES = re.compile("|".join(re.escape(code.decode()) for code in CODES_TO_ENCODINGS))


class Tags:
    """Tolerant access to the values of one dataset, or of one item of a sequence."""

    __slots__ = ("_charsets", "_dataset", "_encoding")

    def __init__(
        self, dataset: Dataset, encoding: Encoding, charsets: tuple[str, ...] | None = None
    ) -> None:
        self._dataset, self._encoding = dataset, encoding
        self._charsets = _charsets(dataset) if charsets is None else charsets

    def __contains__(self, tag: int) -> bool:
        return tag in self._dataset

    def elements(self, wanted: Collection[int]) -> tuple[tuple[int, Element], ...] | None:
        """Return the elements with these tags, or None if one of them is large or a sequence.

        They are hashable. Equal elements of datasets with the same `context` have equal values.
        """
        dataset = self._dataset
        found = tuple((tag, dataset[tag]) for tag in wanted if tag in dataset)
        for _, (_, value) in found:
            if not isinstance(value, bytes) or len(value) > _MAX_CACHED:
                return None
        return found

    @property
    def context(self) -> tuple[Encoding, tuple[str, ...]]:
        """The encoding and the character sets, which convert elements to values."""
        return self._encoding, self._charsets

    def raw(self, tag: int) -> bytes:
        """Return the stored bytes; empty if the element is missing, empty or a sequence."""
        element = self._dataset.get(tag)
        return element.value if element and isinstance(element.value, bytes) else b""

    def text(self, tag: int) -> str:
        """Return the text, decoded with the dataset's character set, at most 1024 characters."""
        return self._all_text(tag).strip("\0 ")[:_MAX_TEXT]

    def _all_text(self, tag: int) -> str:
        raw = self.raw(tag)[:_MAX_RAW_TEXT]
        escaped = _ESCAPE in raw
        if raw.isascii() and not escaped:
            return raw.decode("ascii")
        charsets = self._charsets or ("utf-8",)
        if escaped:  # even if the header does not declare the character sets
            charsets = (*charsets, *_ESCAPE_ENCODINGS)
        try:
            text = decode_bytes(raw, charsets, _TEXT_DELIMITERS)
        except (LookupError, UnicodeError):
            return raw.decode("ascii", "replace")
        return _REMAINING_ESCAPES.sub("", text) if escaped else text

    def words(self, tag: int) -> tuple[str, ...]:
        """Return the coded values that are not empty, in upper case."""
        values = self.raw(tag).decode("ascii", "replace").upper().split("\\")
        return tuple(value.strip("\0 ") for value in values if value.strip("\0 "))

    def word(self, tag: int) -> str:
        """Return the first coded value, or an empty string."""
        return next(iter(self.words(tag)), "")

    def numbers(self, tag: int, vr: str = "") -> tuple[float, ...]:
        """Return all values as numbers, or an empty tuple unless all are finite.

        `vr` is the value representation of a private tag.
        """
        raw = self.raw(tag)
        if not raw:
            return ()
        stated = self._dataset[tag].vr
        if stated in _UNDEFINED_VRS:
            stated = vr or _dictionary_vr(tag)
        unpack = _unpack if len(raw) <= _MAX_CACHED else _unpack.__wrapped__
        try:
            return unpack(raw, stated, self._encoding.order)
        except (ValueError, struct.error):
            return ()

    def number(self, tag: int, vr: str = "") -> float | None:
        """Return the first value as a number."""
        return next(iter(self.numbers(tag, vr)), None)

    def integer(self, tag: int, vr: str = "") -> int | None:
        """Return the first value as an integer that fits in four bytes."""
        return whole_number(self.number(tag, vr))

    def items(self, tag: int) -> "list[Tags]":
        """Return the items of a sequence."""
        element = self._dataset.get(tag)
        if element is None:
            return []
        items = element.value
        if isinstance(items, bytes):
            try:
                items = items_in(items, self._encoding)
            except (CutError, ValueError):
                return []
        return [Tags(item, self._encoding, _charsets(item) or self._charsets) for item in items]

    def item(self, tag: int) -> "Tags":
        """Return the first item of a sequence, or an empty dataset."""
        return next(iter(self.items(tag)), NOTHING)


def whole_number(value: float | None) -> int | None:
    """Return a number as an integer if it fits in four bytes."""
    return int(value) if value is not None and abs(value) < 2**31 else None


NOTHING = Tags({}, Encoding(implicit=False, little=True), ())


def _charsets(dataset: Dataset) -> tuple[str, ...]:
    element = dataset.get(_CHARSET)
    if element is None or not isinstance(element.value, bytes) or not element.value:
        return ()
    return _encodings(element.value[:_MAX_CACHED])


@lru_cache(maxsize=64)
def _encodings(specific_character_set: bytes) -> tuple[str, ...]:
    values = specific_character_set.decode("ascii", "replace").split("\\")
    try:
        return tuple(convert_encodings([name.strip("\0 ") for name in values]))
    except (LookupError, ValueError):
        return ()


def _dictionary_vr(tag: int) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


@lru_cache(maxsize=1024)
def _unpack(raw: bytes, vr: str, order: str) -> tuple[float, ...]:
    """Convert a value to numbers; raises ValueError or struct.error unless all are finite."""
    values = _stored_numbers(raw, vr, order)
    if not all(map(math.isfinite, values)):
        raise ValueError("a number that is not finite")
    return values


def _stored_numbers(raw: bytes, vr: str, order: str) -> tuple[float, ...]:
    code = _BINARY.get(vr.split(" ")[0])
    if code is not None:
        size = struct.calcsize(code)
        return struct.unpack(f"{order}{len(raw) // size}{code}", raw[: len(raw) // size * size])
    values = raw.decode("ascii", "replace").rstrip("\0\\ ").split("\\")
    try:
        return tuple(map(float, values)) if values != [""] else ()
    except ValueError:
        return tuple(map(_decimal, values))


def _decimal(text: str) -> float:
    """Parse a number with a decimal comma, trailing NUL, space after its sign or Fortran exponent.

    Raises ValueError if the text is not a number.
    """
    number = text.strip("\0 ").partition("\0")[0].replace(",", ".").upper().replace("D", "E")
    return float(_SPACED_SIGN.sub(r"\1", number))
