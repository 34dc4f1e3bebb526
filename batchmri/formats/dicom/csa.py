"""Read numbers from Siemens CSA headers: private elements that contain a small binary table.

The table contains the number of tags, and per tag a name of 64 bytes, counts, and its items as
text, each padded to four bytes. It starts with `SV10` (CSA2), or without a prefix (CSA1, scanners
before syngo VB). For the layout see nibabel's documentation, "Siemens format DICOM with CSA
header". The second number of an item is its length, also in CSA1 (GDCM and dcm2niix read it in the
same way). nibabel's reader is not used: it stops at an invalid value of any tag, and moves backward
at an item of negative length.
"""

import struct
from collections.abc import Collection, Iterator

_MAGIC = b"SV10\4\3\2\1"
_CHECK = 77
_TAG = struct.Struct("<64s i 4s i i i")  # name, vm, vr, syngo dt, number of items, check value
_ITEM = struct.Struct("<4i")
_MAX_TAGS, _MAX_ITEMS = 1024, 1024


def csa_numbers(raw: bytes, names: Collection[str]) -> dict[str, list[float]]:
    """Return the values of the requested tags; missing and invalid ones are omitted."""
    found: dict[str, list[float]] = {}
    try:
        for name, items in _tags(raw):
            if name in names:
                found[name] = [float(item) for item in items if item]
    except (struct.error, ValueError):
        return found
    return found


def _tags(raw: bytes) -> Iterator[tuple[str, list[str]]]:
    at = len(_MAGIC) if raw.startswith(_MAGIC) else 0
    count, check = struct.unpack_from("<II", raw, at)
    if check != _CHECK or count > _MAX_TAGS:
        raise ValueError(f"{count} tags, check value {check}")
    at += 8
    for _ in range(count):
        name, _, _, _, n_items, _ = _TAG.unpack_from(raw, at)
        at += _TAG.size
        if not 0 <= n_items <= _MAX_ITEMS:
            raise ValueError(f"{n_items} items")
        items: list[str] = []
        for _ in range(n_items):
            length = _ITEM.unpack_from(raw, at)[1]
            at += _ITEM.size
            if not 0 <= length <= len(raw) - at:
                raise ValueError(f"an item of {length} bytes")
            items.append(_text(raw[at : at + length]))
            at += (length + 3) // 4 * 4
        yield _text(name), items


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("latin-1").strip()
