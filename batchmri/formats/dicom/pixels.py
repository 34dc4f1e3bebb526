"""Decode frames of one DICOM file to rescaled values, with inversion and padding removed."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_modality_lut

from batchmri.formats.decode_task import Decoded, DecodeTask, Refusal, Refused
from batchmri.formats.dicom.codecs import Image, PixelFormat, decode_frame, decode_native
from batchmri.formats.dicom.encapsulated import Fragment, frame_fragments, read_frame
from batchmri.formats.dicom.file import DicomFile, open_dicom
from batchmri.formats.orientation import finish
from batchmri.formats.safe_open import open_regular
from batchmri.reasons import Reason
from batchmri.records import Display, FloatArray, Tile

_NATIVE = {
    uid.ImplicitVRLittleEndian: uid.ExplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian: uid.ExplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian: uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian: uid.ExplicitVRBigEndian,
}
_GRAYSCALE = ("MONOCHROME1", "MONOCHROME2", "")
_COLOR = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_BYTES_PER_PIXEL = 4  # of a decoded slice


def read_dicom_pixels(task: DecodeTask) -> Decoded:
    """Return one slice or Refusal per requested frame.

    Raises Refused if the whole file is refused, OSError if it cannot be read, and any exception of
    pydicom for a header that it cannot read. Sizes are checked before memory is allocated. Private
    scaling is ignored: a constant factor does not change the displayed image.

    Sources: PS3.3 C.7.6.3; padding C.7.5.1.1.2; rescale and lookup table C.11.1, C.7.6.16.2.9;
    inversion C.11.6.
    """
    with open_regular(task.path) as stream:
        file = open_dicom(stream, task.max_bytes)
        form = _format(file)
        whole = form.rows * form.columns
        n_pixels = whole + sum(tile[2] * tile[3] if tile else whole for _, tile in task.parts)
        if n_pixels * _BYTES_PER_PIXEL > task.max_bytes:
            raise Refused(
                Reason.TOO_LARGE,
                f"{len(task.frames)} frames of {form.rows} x {form.columns} pixels",
            )
        n_frames = max(1, int(_number(file.header, "NumberOfFrames") or 1))
        frames = _Frames(file, form, n_frames, task.max_bytes)
        return Decoded(
            tuple(_slice(frames, number, tile, task.display) for number, tile in task.parts)
        )


def _slice(
    frames: "_Frames", number: int, tile: Tile | None, display: Display
) -> FloatArray | Refusal:
    try:
        stored = _tile_of(frames.read(number), tile)
    except Refused as refused:
        return refused.refusal
    return finish(_values(stored, frames.file.header, frames.form, number), display)


def _tile_of(stored: Image, tile: Tile | None) -> Image:
    if tile is None:
        return stored
    row, column, rows, columns = tile
    part = stored[max(row, 0) : row + rows, max(column, 0) : column + columns]
    if part.shape != (rows, columns):
        raise Refused(Reason.BAD_PIXELS, f"tile {tile} is outside the frame of {stored.shape}")
    return part


class _Frames:
    """Random access to the stored frames of an open file."""

    def __init__(self, file: DicomFile, form: PixelFormat, n_frames: int, max_bytes: int) -> None:
        self.file = file
        self.form = form
        self._n_frames = n_frames
        self._max_bytes = max_bytes
        self._fragments: list[list[Fragment]] | None = None
        self._last: tuple[int, Image] | None = None

    def read(self, number: int) -> Image:
        """Return the stored values of frame `number` (from 1); raises Refused."""
        if self._last is None or self._last[0] != number:
            self._last = number, self._read(number)  # tiles of one frame are read consecutively
        return self._last[1]

    def _read(self, number: int) -> Image:
        if not 1 <= number <= self._n_frames:
            raise Refused(Reason.BAD_PIXELS, f"frame {number} of {self._n_frames}")
        syntax = _NATIVE.get(self.file.syntax)
        return self._compressed(number - 1) if syntax is None else self._native(number - 1, syntax)

    def _native(self, index: int, syntax: uid.UID) -> Image:
        begin, end = index * self.form.n_bytes, (index + 1) * self.form.n_bytes
        file = self.file
        if file.length is None:
            raise Refused(Reason.BAD_PIXELS, "fragments in an uncompressed transfer syntax")
        if file.start + min(end, file.length) > file.size:
            raise Refused(
                Reason.TRUNCATED, f"{file.size - file.start} of {file.length} bytes of pixels"
            )
        if end > file.length:
            raise Refused(
                Reason.BAD_PIXELS, f"{file.length} bytes of pixels, but the header requires {end}"
            )
        file.stream.seek(file.start + begin)
        return decode_native(file.stream.read(end - begin), syntax, self.form)

    def _compressed(self, index: int) -> Image:
        file = self.file
        if file.length is not None and file.start + file.length > file.size:
            raise Refused(Reason.TRUNCATED, f"{file.size - file.start} of {file.length} bytes")
        if self._fragments is None:
            offsets = _extended_offsets(file.header)
            self._fragments = frame_fragments(
                file.stream, file.start, file.size, self._n_frames, offsets
            )
        if index >= len(self._fragments):
            raise Refused(Reason.TRUNCATED, f"{len(self._fragments)} of {self._n_frames} frames")
        data = read_frame(file.stream, self._fragments[index], file.size, self._max_bytes)
        return decode_frame(data, file.syntax, self.form)


def _format(file: DicomFile) -> PixelFormat:
    header = file.header
    photometric = str(_first(header, "PhotometricInterpretation") or "")
    samples = int(_number(header, "SamplesPerPixel") or 1)
    if samples != 1 or photometric not in _GRAYSCALE:
        # Report only a known code: a damaged element may contain a person's name.
        raise Refused(Reason.COLOR, photometric if photometric in _COLOR else "")
    rows, columns, allocated = (
        int(_number(header, keyword) or 0) for keyword in ("Rows", "Columns", "BitsAllocated")
    )
    if rows < 1 or columns < 1:
        raise Refused(Reason.BAD_HEADER, f"{rows} x {columns} pixels")
    if allocated not in (8, 16, 32) and (file.keyword, allocated) != ("DoubleFloatPixelData", 64):
        raise Refused(Reason.UNSUPPORTED_OBJECT, f"{allocated} bits allocated")
    stored = int(_number(header, "BitsStored") or allocated)
    stored = stored if 1 <= stored <= allocated else allocated
    high_bit = int(_number(header, "HighBit") or stored - 1)
    return PixelFormat(
        rows,
        columns,
        allocated,
        stored,
        bool(_number(header, "PixelRepresentation") == 1),
        file.keyword,
        file.vr,
        bits_below=high_bit + 1 - stored if stored <= high_bit < allocated else 0,
    )


def _values(
    stored: Image, header: Dataset, form: PixelFormat, number: int
) -> npt.NDArray[np.floating]:
    """Return rescaled values, inverted if low values are white.

    Padding is replaced with the minimum of the other values.
    """
    if form.keyword == "PixelData" and _item(header, "ModalityLUTSequence", 0) is not None:
        values, range_sum = _apply_modality_lut(stored, header)
    else:
        slope, intercept = _rescale(header, number - 1)
        values = stored.astype(np.float64) * slope + intercept
        range_sum = _value_range_sum(form, slope, intercept)
    if _is_inverted(header):
        values = range_sum - values
    padding = _padding(stored, header)
    if padding is not None and padding.any() and not padding.all():
        values[padding] = values[~padding].min()
    return values


def _apply_modality_lut(stored: Image, header: Dataset) -> tuple[npt.NDArray[np.float64], float]:
    """Return the values of the Modality LUT, used instead of rescaling, and their upper limit."""
    values = apply_modality_lut(stored.astype(np.int64), header)
    return values.astype(np.float64), float(np.iinfo(values.dtype).max)


def _value_range_sum(form: PixelFormat, slope: float, intercept: float) -> float:
    """Return the lowest plus the highest possible value, the same for all slices of a series."""
    if form.keyword != "PixelData":
        return 0.0
    low = -(2 ** (form.bits_stored - 1)) if form.signed else 0
    return float(2 * low + 2**form.bits_stored - 1) * slope + 2 * intercept


def _is_inverted(header: Dataset) -> bool:
    """Return whether low values are white.

    Presentation LUT Shape takes precedence over Photometric Interpretation, which normally states
    the same.
    """
    shape = _first(header, "PresentationLUTShape")
    if shape in ("IDENTITY", "INVERSE"):
        return bool(shape == "INVERSE")
    return bool(_first(header, "PhotometricInterpretation") == "MONOCHROME1")


def _padding(stored: Image, header: Dataset) -> npt.NDArray[np.bool_] | None:
    value, limit = (
        _number(header, keyword) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
    )
    if value is None:
        return None
    bounds = sorted(
        _as_stored(bound, stored.dtype) for bound in (value, value if limit is None else limit)
    )
    mask: npt.NDArray[np.bool_] = (stored >= bounds[0]) & (stored <= bounds[1])
    return mask


def _as_stored(value: float, dtype: np.dtype[Any]) -> float:
    """Return a padding value as a value of `dtype`.

    Some writers confuse US and SS: 63536 means -2000 if pixels are signed 16-bit.
    """
    if dtype.kind not in "iu":
        return value
    span = 2 ** (8 * dtype.itemsize)
    wrapped = float(int(value) % span)
    return wrapped - span if dtype.kind == "i" and wrapped >= span // 2 else wrapped


def _rescale(header: Dataset, index: int) -> tuple[float, float]:
    """Return slope and intercept: of the frame, else shared by all frames, else of the object."""
    for holder in (
        _item(header, "PerFrameFunctionalGroupsSequence", index),
        _item(header, "SharedFunctionalGroupsSequence", 0),
    ):
        transformation = _item(holder, "PixelValueTransformationSequence", 0) if holder else None
        if transformation is not None:
            header = transformation
            break
    slope, intercept = _number(header, "RescaleSlope"), _number(header, "RescaleIntercept")
    return slope or 1.0, intercept or 0.0


def _item(header: Dataset, keyword: str, index: int) -> Dataset | None:
    items = header.get(keyword)
    if not items or index >= len(items) or not isinstance(items[index], Dataset):
        return None
    item: Dataset = items[index]
    return item


def _extended_offsets(header: Dataset) -> tuple[int, ...]:
    raw = header.get("ExtendedOffsetTable")
    if not isinstance(raw, bytes):
        return ()
    return tuple(int(offset) for offset in np.frombuffer(raw[: len(raw) // 8 * 8], "<u8"))


def _first(header: Dataset, keyword: str) -> Any:
    """Return the first value of an element; None if it is absent or empty."""
    value = header.get(keyword)
    if isinstance(value, MultiValue | list):
        return value[0] if value else None
    return value


def _number(header: Dataset, keyword: str) -> float | None:
    """Return the first value as a finite number; None for any other value."""
    try:
        number = float(_first(header, keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
