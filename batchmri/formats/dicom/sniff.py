"""Recognize DICOM by its first bytes."""

import struct

PREFIX = 128
_MAX_FIRST_LENGTH = 4096  # bytes of the first element of an object without preamble


def is_dicom(head: bytes) -> bool:
    """Return whether a file is DICOM, with or without preamble, in either byte order."""
    return has_prefix(head) or any(_has_two_elements(head, order) for order in "<>")


def has_prefix(head: bytes) -> bool:
    """Return whether the prefix `DICM` follows a preamble."""
    return head[PREFIX : PREFIX + 4] == b"DICM"


def _has_two_elements(head: bytes, order: str) -> bool:
    """Return whether a file starts with two plausible elements, the first of group 2 or 8."""
    at, previous_tag = 0, -1
    for number in range(2):
        if len(head) < at + 12:
            return number == 1 and len(head) == at
        group, element = struct.unpack_from(order + "HH", head, at)
        tag = group << 16 | element
        if tag <= previous_tag or (previous_tag < 0 and group not in (0x0002, 0x0008)):
            return False
        if head[at + 4 : at + 6].isalpha() and head[at + 4 : at + 6].isupper():
            long = head[at + 4 : at + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF")
            length = struct.unpack_from(
                order + ("I" if long else "H"), head, at + (8 if long else 6)
            )[0]
            at += (12 if long else 8) + length
        else:
            length = struct.unpack_from(order + "I", head, at + 4)[0]
            at += 8 + length
        if length > _MAX_FIRST_LENGTH:
            return previous_tag >= 0  # the second element may be a sequence
        previous_tag = tag
    return True
