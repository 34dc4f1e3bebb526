"""Decoders of each transfer syntax, fastest first (measured with benchmarks/decoders.py).

pylibjpeg-libjpeg is not used because of its license (GPL).
"""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import cv2
import gdcm
import numpy as np
import numpy.typing as npt
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from batchmri.formats.decode_task import Refused
from batchmri.formats.dicom.codestream import Codestream, read_codestream
from batchmri.reasons import Reason

_END_OF_IMAGE = b"\xff\xd9"
_JPEG_LOSSLESS = (uid.JPEGLossless, uid.JPEGLosslessSV1)
_ENCAPSULATED = uid.UID("1.2.840.10008.1.2.1.98")  # uncompressed, in fragments

_OPENCV_TYPES = (np.uint8, np.uint16)

Image = npt.NDArray[Any]  # integers or floats, as stored

gdcm.Trace.WarningOff()
gdcm.Trace.ErrorOff()


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """The Image Pixel module of one grayscale frame (DICOM PS3.3 C.7.6.3).

    `bits_below` is the number of unused bits of a pixel cell below the stored bits (High Bit,
    PS3.5 8.1.1).
    """

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    keyword: str = "PixelData"
    vr: str = "OW"
    bits_below: int = 0

    @property
    def n_bytes(self) -> int:
        """Size of one uncompressed frame in bytes."""
        return self.rows * self.columns * self.bits_allocated // 8


Decoder = Callable[[bytes, uid.UID, PixelFormat], Image]


def decode_native(data: bytes, syntax: uid.UID, form: PixelFormat) -> Image:
    """Decode one uncompressed frame in the byte order of `syntax`."""
    return _as_array(data, syntax, form, "")


def decode_frame(data: bytes, syntax: uid.UID, form: PixelFormat) -> Image:
    """Decode one compressed frame to an integer array (rows, columns) of stored values.

    Tries the decoders of the transfer syntax in turn. Raises Refused: `unsupported_transfer_syntax`
    with its name, `bad_pixels` if all decoders fail, `colour` for more than one component.
    """
    decoders = DECODERS.get(syntax)
    if decoders is None:
        name = syntax.name if syntax.is_valid else "not a UID"
        raise Refused(Reason.UNSUPPORTED_TRANSFER_SYNTAX, name)
    if syntax not in _WITHOUT_HEADER:
        stream = _checked_codestream(data, form)
        # A codestream contains values, not pixel cells with unused bits.
        form = replace(form, bits_below=0, signed=_is_signed(stream, form))
    failures = []
    for name, decoder in decoders.items():
        try:
            with _stderr_suppressed():
                image = decoder(data, syntax, form)
        except BaseException as error:
            if not _is_failure(error):
                raise
            failures.append(f"{name}: {(str(error) or type(error).__name__).splitlines()[0]}")
            continue
        if image.shape == (form.rows, form.columns):
            return image
        failures.append(f"{name}: decoded an image of shape {image.shape}")
    what = "; ".join(failures)
    raise Refused(Reason.BAD_PIXELS, f"no decoder can read the frame ({what})"[:300])


def _is_signed(stream: Codestream, form: PixelFormat) -> bool:
    """Return whether decoded values are signed; codestream and header may disagree.

    A signed codestream takes precedence (PS3.5 8.2). Otherwise, the values are signed if
    the header says so and the codestream has at least as many bits as are stored.
    """
    return bool(stream.signed) or (form.signed and stream.precision >= form.bits_stored)


def _checked_codestream(data: bytes, form: PixelFormat) -> Codestream:
    stream = read_codestream(data)
    if stream is None:
        raise Refused(Reason.BAD_PIXELS, "no codestream header")
    if stream.components != 1:
        raise Refused(Reason.COLOR, f"{stream.components} components")
    if not 1 <= stream.precision <= form.bits_allocated:
        raise Refused(Reason.BAD_PIXELS, f"{stream.precision} bits per value in the codestream")
    if (stream.rows, stream.columns) != (form.rows, form.columns):
        raise Refused(
            Reason.BAD_PIXELS,
            f"the codestream is {stream.rows} x {stream.columns}, "
            f"the header says {form.rows} x {form.columns}",
        )
    return stream


def _as_array(data: bytes, syntax: uid.UID, form: PixelFormat, plugin: str) -> Image:
    options: dict[str, Any] = {
        "rows": form.rows,
        "columns": form.columns,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "number_of_frames": 1,
        "bits_allocated": form.bits_allocated,
        "bits_stored": form.bits_below + form.bits_stored,
        "pixel_representation": int(form.signed),
        "pixel_keyword": form.keyword,
        "pixel_vr": form.vr,
    }
    decoder = get_decoder(syntax)
    cells: Image = decoder.as_array(data, index=0, raw=True, decoding_plugin=plugin, **options)[0]
    return cells >> form.bits_below if form.bits_below else cells


def _pydicom(plugin: str) -> Decoder:
    def decode(data: bytes, syntax: uid.UID, form: PixelFormat) -> Image:
        return _as_array(encapsulate([data]), syntax, form, plugin)

    return decode


def _pyjpegls(data: bytes, syntax: uid.UID, form: PixelFormat) -> Image:
    """Decode JPEG-LS.

    An end marker is appended: without one, CharLS searches a damaged stream for seconds.
    """
    return _as_array(encapsulate([data + _END_OF_IMAGE]), syntax, form, "pyjpegls")


def _opencv(data: bytes, syntax: uid.UID, form: PixelFormat) -> Image:
    """Decode 8-bit JPEG, and JPEG 2000 of up to 16 bits whose codestream is unsigned."""
    stream = read_codestream(data)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stream is None or stream.signed or image is None or image.dtype not in _OPENCV_TYPES:
        raise ValueError("OpenCV cannot read the image")
    if not form.signed:
        return image
    return _lowest_bits(image.view(f"i{image.itemsize}"), stream.precision)


def _gdcm(data: bytes, syntax: uid.UID, form: PixelFormat) -> Image:
    """Decode JPEG of 8 to 16 bits; pydicom's gdcm plugin refuses 12-bit JPEG Extended."""
    stream = read_codestream(data)
    bits = stream.precision if stream else form.bits_stored
    allocated = 8 if bits <= 8 else 16
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((form.columns, form.rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(
        gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    )
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str.__str__(syntax))))
    image.SetPixelFormat(gdcm.PixelFormat(1, allocated, bits, bits - 1, int(form.signed)))
    # The gdcm binding returns bytes as text.
    raw = image.GetBuffer().encode("utf-8", "surrogateescape")
    dtype = np.dtype(f"{'i' if form.signed else 'u'}{allocated // 8}")
    # Values of a lossy codestream may slightly exceed the stored bits; a lossless one may contain
    # an overlay in the unused bits.
    kept = min(bits, form.bits_stored) if syntax in _JPEG_LOSSLESS else bits
    return _lowest_bits(np.frombuffer(raw, dtype).reshape(form.rows, form.columns), kept)


@contextmanager
def _stderr_suppressed() -> Iterator[None]:
    """Redirect the standard error of the process: the C libraries always write to it."""
    saved = os.dup(2)
    with open(os.devnull, "wb") as devnull:
        os.dup2(devnull.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _lowest_bits(image: Image, bits: int) -> Image:
    """Return the lowest bits of each value, with sign extension for signed values."""
    spare = image.dtype.itemsize * 8 - bits
    return (image << spare) >> spare if spare else image


def _uncompressed(data: bytes, syntax: uid.UID, form: PixelFormat) -> Image:
    return decode_native(data[: form.n_bytes], uid.ExplicitVRLittleEndian, form)


def _is_failure(error: BaseException) -> bool:
    """Return whether an error means that a decoder failed.

    A panic of a decoder written in Rust is not a subclass of Exception and cannot be imported.
    """
    return isinstance(error, _FAILURES) or type(error).__name__ == "PanicException"


# Exceptions of the libraries for a codestream that they cannot read: pydicom wraps every error of a
# plugin in RuntimeError, the gdcm binding raises various exceptions from SWIG.
_FAILURES = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    SystemError,
    ArithmeticError,
    struct.error,
    cv2.error,
)

_JPEG: dict[str, Decoder] = {"gdcm": _gdcm}
_JPEG_8_BIT: dict[str, Decoder] = {"opencv": _opencv, "gdcm": _gdcm}
_JPEG_LS: dict[str, Decoder] = {"pyjpegls": _pyjpegls, "gdcm": _pydicom("gdcm")}
# gdcm reads JPEG 2000 too, but aborts the process on a damaged codestream.
_JPEG_2000: dict[str, Decoder] = {"pylibjpeg": _pydicom("pylibjpeg"), "opencv": _opencv}
_RLE: dict[str, Decoder] = {"pylibjpeg": _pydicom("pylibjpeg"), "pydicom": _pydicom("pydicom")}

DECODERS: dict[uid.UID, dict[str, Decoder]] = {
    uid.JPEGBaseline8Bit: _JPEG_8_BIT,
    uid.JPEGExtended12Bit: _JPEG_8_BIT,
    uid.UID("1.2.840.10008.1.2.4.53"): _JPEG,  # retired: spectral selection
    uid.UID("1.2.840.10008.1.2.4.55"): _JPEG,  # retired: full progression
    uid.JPEGLossless: _JPEG,
    uid.JPEGLosslessSV1: _JPEG,
    uid.JPEGLSLossless: _JPEG_LS,
    uid.JPEGLSNearLossless: _JPEG_LS,
    uid.JPEG2000Lossless: _JPEG_2000,
    uid.JPEG2000: _JPEG_2000,
    uid.HTJ2KLossless: _JPEG_2000,
    uid.HTJ2KLosslessRPCL: _JPEG_2000,
    uid.HTJ2K: _JPEG_2000,
    uid.RLELossless: _RLE,
    _ENCAPSULATED: {"numpy": _uncompressed},
}
_WITHOUT_HEADER = {uid.RLELossless, _ENCAPSULATED}
