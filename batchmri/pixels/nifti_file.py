"""Opening NIfTI-1, NIfTI-2 and Analyze 7.5 files, plain, gzipped or in pairs.

nibabel reads the header; the values are read here, no further than the header says, so that a
small compressed file cannot grow without end.
"""

import glob
import gzip
import math
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
from nibabel.analyze import AnalyzeHeader
from nibabel.nifti1 import Nifti1Header, Nifti1PairHeader
from nibabel.nifti2 import Nifti2Header, Nifti2PairHeader
from nibabel.spatialimages import HeaderDataError

from batchmri.pixels.task import Refused
from batchmri.reasons import Reason
from batchmri.regular import open_regular

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_NIFTI_1: dict[bytes, type[AnalyzeHeader]] = {b"n+1": Nifti1Header, b"ni1": Nifti1PairHeader}
_NIFTI_2: dict[bytes, type[AnalyzeHeader]] = {b"n+2": Nifti2Header, b"ni2": Nifti2PairHeader}


@dataclass(frozen=True, slots=True)
class NiftiFile:
    """What the header says of the first volume: `slope` and `intercept` make real values of it."""

    data_path: str
    shape: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    offset: int
    slope: float
    intercept: float

    @property
    def n_bytes(self) -> int:
        """Bytes of the first volume as stored."""
        return math.prod(self.shape) * self.dtype.itemsize


def open_nifti(path: str) -> NiftiFile:
    """Read the header of a .nii or .hdr file, whatever its name.

    Raises Refused: `truncated`, `bad_header`, `colour` (RGB), `unsupported_object` (complex,
    128-bit and one-bit values), `no_pixel_data` where the .img of a pair is missing.
    """
    with _opened(path) as stream:
        block = _read(stream, 540)
    kind = _kind(block)
    single = kind in (Nifti1Header, Nifti2Header)
    size = kind.template_dtype.itemsize
    if len(block) < size:
        raise Refused(Reason.TRUNCATED, "the file ends inside its header")
    try:
        header: Any = kind(block[:size], check=False)
        shape, dtype = tuple(header.get_data_shape()), header.get_data_dtype()
        slope, intercept = _scaling(header)
        offset = int(header.get_data_offset())
    except HeaderDataError as error:
        raise Refused(Reason.BAD_HEADER, str(error)) from None
    _check_type(dtype)
    if not shape or any(n < 1 for n in shape) or offset < 0:
        raise Refused(Reason.BAD_HEADER, f"shape {shape}, offset {offset}")
    volume = (*(int(n) for n in shape[:3]), 1, 1)[:3]
    first = size + 4 if single else 0
    return NiftiFile(
        path if single else _image_of(path),
        cast(tuple[int, int, int], volume),
        dtype,
        max(offset, first),
        slope,
        intercept,
    )


def read_volume(file: NiftiFile, max_bytes: int) -> npt.NDArray[np.generic]:
    """The first volume as stored, read-only, no scaling applied.

    Raises Refused: `too_large` before anything is read, `truncated` where the file ends early,
    `bad_pixels` where it does not inflate.
    """
    if max(file.n_bytes, file.offset) > max_bytes:
        raise Refused(Reason.TOO_LARGE, f"{file.shape} of {file.dtype}")
    with _opened(file.data_path) as stream:
        stream.seek(file.offset)
        raw = _read(stream, file.n_bytes)
        stream.read(1)  # where the file ends with the volume, gzip checks its sum now
    if len(raw) < file.n_bytes:
        raise Refused(Reason.TRUNCATED, f"{len(raw)} of {file.n_bytes} bytes of values")
    return np.frombuffer(raw, file.dtype).reshape(file.shape, order="F")


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """The content, inflated where it is gzipped; what gzip raises becomes Refused."""
    with open_regular(path) as stream:
        zipped = stream.read(2) == _GZIP
        stream.seek(0)
        try:
            yield cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if zipped else stream
        except EOFError:
            raise Refused(Reason.TRUNCATED, "the compressed file ends early") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Refused(Reason.BAD_PIXELS, str(error)) from None


def _read(stream: BinaryIO, n_bytes: int) -> bytes | bytearray:
    """At most `n_bytes`, growing with what is there, not with what the header claims."""
    content = bytearray()
    while len(content) < n_bytes:
        chunk = stream.read(min(_CHUNK, n_bytes - len(content)))
        if not chunk:
            break
        content += chunk
    return content


def _kind(block: bytes | bytearray) -> type[AnalyzeHeader]:
    kind = _NIFTI_2.get(bytes(block[4:7])) or _NIFTI_1.get(bytes(block[344:347]))
    return kind or AnalyzeHeader


def _scaling(header: Any) -> tuple[float, float]:
    """A slope of 0 or NaN means none (NIfTI-1 standard); neither does an infinite one count."""
    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError:
        return 1.0, 0.0
    return (1.0 if slope is None else float(slope)), float(intercept or 0.0)


def _check_type(dtype: np.dtype[np.generic]) -> None:
    if dtype.fields:
        raise Refused(Reason.COLOUR, "RGB values")
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise Refused(Reason.UNSUPPORTED_OBJECT, f"values of type {dtype}")


def _image_of(path: str) -> str:
    """The .img or .img.gz beside a .hdr, in any case of letters."""
    header = Path(path)
    stem = re.sub(r"\.hdr(\.gz)?$", "", header.name, flags=re.IGNORECASE)
    for image in sorted(header.parent.glob(f"{glob.escape(stem)}.*"), reverse=True):
        if image.name[len(stem) :].lower() in (".img", ".img.gz"):
            return str(image)
    raise Refused(Reason.NO_PIXEL_DATA, "its .img file is missing")
