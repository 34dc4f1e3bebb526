"""Recognize NIfTI and Analyze files by their inflated header."""

import struct
from typing import Literal

NIFTI1_SIZE, NIFTI2_SIZE = 348, 540


def kind_of(header: bytes) -> Literal["single", "pair", ""]:
    """Return whether a header is that of a single file or of a pair; empty if it is neither.

    Recognizes NIfTI-1, NIfTI-2 and Analyze 7.5 (always a pair) of either byte order.
    """
    if len(header) < NIFTI1_SIZE:
        return ""
    sizes = struct.unpack_from("<i", header)[0], struct.unpack_from(">i", header)[0]
    if NIFTI2_SIZE in sizes and header[4:7] in (b"n+2", b"ni2"):
        return "single" if header[4:7] == b"n+2" else "pair"
    if NIFTI1_SIZE not in sizes:
        return ""
    magic = header[344:348]
    if magic == b"n+1\0":
        return "single"
    if magic == b"ni1\0":
        return "pair"
    order = "<" if sizes[0] == NIFTI1_SIZE else ">"
    n_dimensions, *dimensions = struct.unpack_from(order + "8h", header, 40)
    plausible = 1 <= n_dimensions <= 7 and min(dimensions[: min(n_dimensions, 3)]) > 0
    return "pair" if plausible else ""
