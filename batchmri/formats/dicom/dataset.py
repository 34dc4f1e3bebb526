"""Header values of a DICOM dataset, whatever the header made of them.

Headers state wrong value representations, text where numbers belong, several values where one is
meant, or none: what cannot be read as what it should be counts as not stated.
"""

import math
import re
import struct
from collections.abc import Sequence

from pydicom.charset import CODES_TO_ENCODINGS, convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR

from batchmri.formats.dicom.parser import Dataset, Encoding, items_in
from batchmri.formats.header_error import CutError

_CHARSET = 0x00080005
_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "OW": "H"}
_LOOK_UP = ("", "UN", "OB")
_MAX_TEXT = 1024  # no text here is allowed more than 64, and patterns are sought in it
_MAX_RAW_TEXT = 16 * _MAX_TEXT  # bytes: each character may come with escape sequences
_TEXT_DELIMITERS = {0x0A, 0x0C, 0x0D, 0x5C}
_SPACED_SIGN = re.compile(r"^([+-]) +")
_ESCAPE = b"\x1b"
_BY_ESCAPE = tuple(dict.fromkeys(CODES_TO_ENCODINGS.values()))
# pydicom leaves those of ISO 2022 IR 58 in the text.
_LEFT_ESCAPES = re.compile("|".join(re.escape(code.decode()) for code in CODES_TO_ENCODINGS))


class Tags:
    """Robust reading of one dataset, or of one item of a sequence."""

    __slots__ = ("_charsets", "_dataset", "_encoding")

    def __init__(
        self, dataset: Dataset, encoding: Encoding, charsets: Sequence[str] | None = None
    ) -> None:
        self._dataset, self._encoding = dataset, encoding
        self._charsets = _charsets(dataset) if charsets is None else charsets

    def __contains__(self, tag: int) -> bool:
        return tag in self._dataset

    def raw(self, tag: int) -> bytes:
        """The stored bytes; none where the element is missing, empty or a sequence."""
        element = self._dataset.get(tag)
        return element.value if element and isinstance(element.value, bytes) else b""

    def text(self, tag: int) -> str:
        """The text, in the character set of the dataset; no more than 1024 characters of it."""
        return self._all_text(tag).strip("\0 ")[:_MAX_TEXT]

    def _all_text(self, tag: int) -> str:
        raw = self.raw(tag)[:_MAX_RAW_TEXT]
        escaped = _ESCAPE in raw
        if raw.isascii() and not escaped:
            return raw.decode("ascii")
        charsets = self._charsets or ("utf-8",)
        if escaped:  # whether the header declares the character sets it switches to or not
            charsets = (*charsets, *_BY_ESCAPE)
        try:
            text = decode_bytes(raw, charsets, _TEXT_DELIMITERS)
        except (LookupError, UnicodeError):
            return raw.decode("ascii", "replace")
        return _LEFT_ESCAPES.sub("", text) if escaped else text

    def words(self, tag: int) -> tuple[str, ...]:
        """The coded values, upper case, without those that are empty."""
        values = self.raw(tag).decode("ascii", "replace").upper().split("\\")
        return tuple(value.strip("\0 ") for value in values if value.strip("\0 "))

    def word(self, tag: int) -> str:
        """The first coded value, or an empty one."""
        return next(iter(self.words(tag)), "")

    def numbers(self, tag: int, vr: str = "") -> tuple[float, ...]:
        """All values as finite numbers, or none. `vr` says how a private tag is stored."""
        raw = self.raw(tag)
        if not raw:
            return ()
        stated = self._dataset[tag].vr
        if stated in _LOOK_UP:
            stated = vr or _dictionary_vr(tag)
        order = self._encoding.order
        try:
            values = _unpack(raw, stated, order)
        except (ValueError, struct.error):
            return ()
        return values if all(map(math.isfinite, values)) else ()

    def number(self, tag: int, vr: str = "") -> float | None:
        """The first value as a number."""
        return next(iter(self.numbers(tag, vr)), None)

    def integer(self, tag: int, vr: str = "") -> int | None:
        """The first value as a whole number that fits four bytes."""
        value = self.number(tag, vr)
        return int(value) if value is not None and abs(value) < 2**31 else None

    def items(self, tag: int) -> "list[Tags]":
        """The items of a sequence."""
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
        """The first item of a sequence, or an empty one."""
        return next(iter(self.items(tag)), NOTHING)


NOTHING = Tags({}, Encoding(implicit=False, little=True), ())


def _charsets(dataset: Dataset) -> Sequence[str]:
    element = dataset.get(_CHARSET)
    if element is None or not isinstance(element.value, bytes) or not element.value:
        return ()
    names = [name.strip("\0 ") for name in element.value.decode("ascii", "replace").split("\\")]
    try:
        return convert_encodings(names)
    except (LookupError, ValueError):
        return ()


def _dictionary_vr(tag: int) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def _unpack(raw: bytes, vr: str, order: str) -> tuple[float, ...]:
    letter = _BINARY.get(vr.split(" ")[0])
    if letter is not None:
        size = struct.calcsize(letter)
        return struct.unpack(f"{order}{len(raw) // size}{letter}", raw[: len(raw) // size * size])
    values = raw.decode("ascii", "replace").rstrip("\0\\ ").split("\\")
    try:
        return tuple(map(float, values)) if values != [""] else ()
    except ValueError:
        return tuple(map(_decimal, values))


def _decimal(text: str) -> float:
    """A number with a comma, a NUL behind it, a blank behind its sign or a Fortran exponent.

    Raises ValueError.
    """
    number = text.strip("\0 ").partition("\0")[0].replace(",", ".").upper().replace("D", "E")
    return float(_SPACED_SIGN.sub(r"\1", number))
