"""Read the frame header of a JPEG, JPEG-LS or JPEG 2000 codestream before it is decoded.

A decoder allocates the size that the codestream declares, so that size is first compared with the
DICOM header.
"""

import struct
from dataclasses import dataclass

_SIZ = b"\xff\x4f\xff\x51"
_SIZ_WITHIN = 4096  # a JP2 wrapper puts small boxes before the codestream
_SOF = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xDA)}
_SOS = 0xDA
_RESERVED = range(0x02, 0xC0)


@dataclass(frozen=True, slots=True)
class Codestream:
    """Size, number of components and bits per component.

    `signed` is None if the format does not state it (JPEG and JPEG-LS).
    """

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool | None = None


def read_codestream(data: bytes) -> Codestream | None:
    """Read the frame header; None if there is no valid one.

    Sources: ITU-T T.81 B.2.2, T.87 C.2.2 (SOF55), T.800 A.5.1 (SIZ).
    """
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        at = data.find(_SIZ, 0, _SIZ_WITHIN)
        return _jpeg2000(data, at + len(_SIZ)) if at >= 0 else None
    except (struct.error, IndexError):  # truncated
        return None


def _jpeg(data: bytes) -> Codestream | None:
    at = 2
    while True:
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _SOF:
            precision, rows, columns, components = struct.unpack_from(">BHHB", data, at + 4)
            return Codestream(rows, columns, components, precision)
        elif marker == _SOS or marker in _RESERVED:
            return None
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])


def _jpeg2000(data: bytes, at: int) -> Codestream:
    width, height, left, top = struct.unpack_from(">4L", data, at + 4)
    (components,) = struct.unpack_from(">H", data, at + 36)
    depth = data[at + 38]
    return Codestream(
        height - top, width - left, components, (depth & 0x7F) + 1, signed=bool(depth & 0x80)
    )
