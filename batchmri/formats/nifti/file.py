"""Open NIfTI-1, NIfTI-2 and Analyze 7.5 files: plain, gzipped or in pairs.

nibabel reads the header. The values are read here, only as many as the header declares, so a
decompression bomb cannot exhaust memory. Files are never memory-mapped: a file that shrinks while
it is mapped would crash the process.
"""

import glob
import math
import mmap
import os
import re
import zlib
from collections.abc import Iterator, Sequence
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

from batchmri import shared_file
from batchmri.formats.decode_task import Refused
from batchmri.formats.gzip_reader import GzipReader, is_gzip
from batchmri.formats.safe_open import open_regular
from batchmri.reasons import Reason

_CHUNK = 1 << 20
_NIFTI_1: dict[bytes, type[AnalyzeHeader]] = {b"n+1": Nifti1Header, b"ni1": Nifti1PairHeader}
_NIFTI_2: dict[bytes, type[AnalyzeHeader]] = {b"n+2": Nifti2Header, b"ni2": Nifti2PairHeader}


@dataclass(frozen=True, slots=True)
class NiftiFile:
    """The first volume according to the header.

    `slope` and `intercept` convert stored values to real values; `offset` is in bytes.
    """

    data_path: str
    shape: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    offset: int
    slope: float
    intercept: float

    @property
    def n_bytes(self) -> int:
        """Size of the first volume as stored, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def open_nifti(path: str) -> NiftiFile:
    """Read the header of a .nii or .hdr file of any name.

    Raises Refused: `truncated`, `bad_header`, `colour` (RGB), `unsupported_object` (complex,
    128-bit and one-bit values), `no_pixel_data` if the .img file of a pair is missing.
    """
    with _opened(path) as stream:
        block = _read(stream, 540)
    kind = _header_class(block)
    single = kind in (Nifti1Header, Nifti2Header)
    size = kind.template_dtype.itemsize
    if len(block) < size:
        raise Refused(Reason.TRUNCATED, "the file ends inside its header")
    try:
        header: Any = kind(block[:size], check=False)
        shape, dtype = tuple(header.get_data_shape()), header.get_data_dtype()
        slope, intercept = _scaling(header)
        offset = int(header.get_data_offset())
    except (HeaderDataError, ValueError, OverflowError) as error:
        raise Refused(Reason.BAD_HEADER, f"its NIfTI header is invalid ({error})") from None
    _check_type(dtype)
    if not shape or any(n < 1 for n in shape) or offset < 0:
        raise Refused(Reason.BAD_HEADER, f"its header states shape {shape} and offset {offset}")
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


def read_volume(
    file: NiftiFile, max_bytes: int, shared: str = ""
) -> tuple[npt.NDArray[np.generic], bool]:
    """Read the first volume as stored, and whether other bytes follow its gzip stream.

    The array is in Fortran order and not scaled. If `shared` is the address of an empty
    `SharedFile`, the values are stored there (see `shared_volume`).

    Raises Refused: `too_large` before anything is read, `truncated` if the file ends early,
    `bad_pixels` if it cannot be inflated.
    """
    if max(file.n_bytes, file.offset) > max_bytes:
        raise Refused(Reason.TOO_LARGE, f"{file.shape} values of type {file.dtype}")
    raw = _allocated(shared, file.n_bytes)
    with _opened(file.data_path) as stream:
        _skip(stream, file.offset)
        _fill(stream, raw.data)
        trailing = isinstance(stream, GzipReader) and stream.finish()
    return _as_volume(raw, file), trailing


def shared_volume(file: NiftiFile, shared: str) -> npt.NDArray[np.generic] | None:
    """Return the volume that `read_volume` stored in a shared file; None if the file is empty.

    Raises Refused if the size of the shared file does not match the header.
    """
    with shared_file.opened(shared) as descriptor:
        n_bytes = os.fstat(descriptor).st_size
        if n_bytes == 0:
            return None
        if n_bytes != file.n_bytes:
            raise Refused(Reason.BAD_PIXELS, "the file changed while it was read")
        return _as_volume(_mapped(descriptor, n_bytes), file)


def read_planes(
    file: NiftiFile, axis: int, indices: Sequence[int], max_bytes: int
) -> dict[int, npt.NDArray[np.generic]]:
    """Read a few slices across `axis` as stored, by index.

    Reads plane by plane, so the whole volume is never in memory. Raises Refused like `read_volume`.
    """
    if max(file.n_bytes, file.offset) > max_bytes:
        raise Refused(Reason.TOO_LARGE, f"{file.shape} values of type {file.dtype}")
    *plane_shape, n_planes = file.shape
    plane = np.empty(plane_shape, file.dtype, order="F")
    rest = file.shape[:axis] + file.shape[axis + 1 :]
    slices = {index: np.empty(rest, file.dtype, order="F") for index in indices}
    wanted = sorted(slices) if axis == len(plane_shape) else range(n_planes)
    with _opened(file.data_path) as stream:
        _skip(stream, file.offset)
        position = 0
        for number in wanted:
            _skip(stream, (number - position) * plane.nbytes)
            _fill(stream, plane.T.reshape(-1).view(np.uint8).data)
            position = number + 1
            if axis == len(plane_shape):
                slices[number][:] = plane
            else:
                for index, values in slices.items():
                    values[:, number] = plane[index] if axis == 0 else plane[:, index]
    return slices


def _as_volume(raw: npt.NDArray[np.uint8], file: NiftiFile) -> npt.NDArray[np.generic]:
    return raw.view(file.dtype).reshape(file.shape, order="F")


def _mapped(descriptor: int, n_bytes: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(mmap.mmap(descriptor, n_bytes), np.uint8)


def _allocated(shared: str, n_bytes: int) -> npt.NDArray[np.uint8]:
    if not shared:
        return np.empty(n_bytes, np.uint8)
    with shared_file.opened(shared) as descriptor:
        os.ftruncate(descriptor, n_bytes)
        return _mapped(descriptor, n_bytes)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO | GzipReader]:
    """Open the content of a file, inflated if it is gzipped; errors of zlib become Refused."""
    with open_regular(path) as stream:
        try:
            yield GzipReader(stream) if is_gzip(stream) else stream
        except EOFError:
            raise Refused(Reason.TRUNCATED, "the compressed file ends early") from None
        except zlib.error:
            raise Refused(Reason.BAD_PIXELS, "the compressed content is damaged") from None


def _skip(stream: BinaryIO | GzipReader, n_bytes: int) -> None:
    if isinstance(stream, GzipReader):
        while n_bytes > 0 and (chunk := stream.read(min(_CHUNK, n_bytes))):
            n_bytes -= len(chunk)
    else:
        stream.seek(n_bytes, os.SEEK_CUR)


def _fill(stream: BinaryIO | GzipReader, buffer: memoryview) -> None:
    """Fill the buffer; raises Refused if the content ends first."""
    done = 0
    while done < len(buffer):
        chunk = stream.read(min(_CHUNK, len(buffer) - done))
        if not chunk:
            raise Refused(Reason.TRUNCATED, f"{done} of {len(buffer)} bytes of values")
        buffer[done : done + len(chunk)] = chunk
        done += len(chunk)


def _read(stream: BinaryIO | GzipReader, n_bytes: int) -> bytes:
    """Read `n_bytes`, or fewer if the content ends."""
    content = b""
    while len(content) < n_bytes and (chunk := stream.read(n_bytes - len(content))):
        content += chunk
    return content


def _header_class(block: bytes) -> type[AnalyzeHeader]:
    kind = _NIFTI_2.get(block[4:7]) or _NIFTI_1.get(block[344:347])
    return kind or AnalyzeHeader


def _scaling(header: Any) -> tuple[float, float]:
    """Return slope and intercept; a slope of 0 (NIfTI-1 standard), NaN or infinity means none."""
    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError:
        return 1.0, 0.0
    return (1.0 if slope is None else float(slope)), float(intercept or 0.0)


def _check_type(dtype: np.dtype[np.generic]) -> None:
    if dtype.fields:
        raise Refused(Reason.COLOR, "RGB values")
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise Refused(Reason.UNSUPPORTED_OBJECT, f"values of type {dtype}")


def _image_of(path: str) -> str:
    """Return the .img or .img.gz file of a .hdr file; the case of the extension is ignored."""
    header = Path(path)
    stem = re.sub(r"\.hdr(\.gz)?$", "", header.name, flags=re.IGNORECASE)
    for image in sorted(header.parent.glob(f"{glob.escape(stem)}.*"), reverse=True):
        if image.name[len(stem) :].lower() in (".img", ".img.gz"):
            return str(image)
    raise Refused(Reason.NO_PIXEL_DATA, "its .img file is missing")
