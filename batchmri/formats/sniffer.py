"""Detect the kind of a file from its first bytes; names only distinguish unsupported formats."""

import posixpath
import struct
import zlib
from typing import Literal, NamedTuple

from batchmri.reasons import Reason

SNIFFED_BYTES = 4096
_DICOM_PREFIX = 128
_NIFTI1_SIZE, _NIFTI2_SIZE = 348, 540
_MAX_FIRST_LENGTH = 4096  # bytes of the first element of an object without preamble

Reader = Literal["dicom", "nifti", "nifti_pair", ""]


class Kind(NamedTuple):
    """The reader of a file, or why there is none, and what the file seems to be.

    `nifti_pair` is the header of a NIfTI or Analyze pair, whose pixels are in the `.img` file.
    """

    reader: Reader
    reason: Reason | None = None
    name: str = ""


_APPLE_DOUBLE = "AppleDouble file of macOS"
_NOT_FETCHED = "pointer of {}: its content is not here"

_MAGIC: tuple[tuple[bytes, Reason, str], ...] = (
    (b"\x00\x05\x16\x07", Reason.NOT_AN_IMAGE, _APPLE_DOUBLE),
    (b"\x00\x05\x16\x00", Reason.UNSUPPORTED_FORMAT, "AppleSingle file of macOS"),
    (b"/annex/objects/", Reason.NOT_AN_IMAGE, _NOT_FETCHED.format("git-annex")),
    (b"version https://git-lfs.", Reason.NOT_AN_IMAGE, _NOT_FETCHED.format("Git LFS")),
    (b"PK\x03\x04", Reason.UNSUPPORTED_FORMAT, "zip archive"),
    (b"7z\xbc\xaf\x27\x1c", Reason.UNSUPPORTED_FORMAT, "7z archive"),
    (b"Rar!", Reason.UNSUPPORTED_FORMAT, "rar archive"),
    (b"BZh", Reason.UNSUPPORTED_FORMAT, "bzip2 file"),
    (b"\xfd7zXZ\x00", Reason.UNSUPPORTED_FORMAT, "xz file"),
    (b"\x28\xb5\x2f\xfd", Reason.UNSUPPORTED_FORMAT, "zstd file"),
    (b"\x1f\x9d", Reason.UNSUPPORTED_FORMAT, "compress (.Z) file"),
    (b"\x04\x22\x4d\x18", Reason.UNSUPPORTED_FORMAT, "lz4 file"),
    (b"LZIP", Reason.UNSUPPORTED_FORMAT, "lzip file"),
    (b"DICM", Reason.UNSUPPORTED_FORMAT, "DICOM without its preamble"),
    (b"IMGF", Reason.UNSUPPORTED_FORMAT, "GE Signa image"),
    (b"MATRIX7", Reason.UNSUPPORTED_FORMAT, "ECAT 7"),
    (b"!INTERFILE", Reason.UNSUPPORTED_FORMAT, "Interfile"),
    (b"#!/usr/local/fdf", Reason.UNSUPPORTED_FORMAT, "Varian FDF"),
    (b"NRRD", Reason.UNSUPPORTED_FORMAT, "NRRD"),
    (b"CDF\x01", Reason.UNSUPPORTED_FORMAT, "NetCDF (MINC 1)"),
    (b"\x89HDF\r\n", Reason.UNSUPPORTED_FORMAT, "HDF5 (MINC 2)"),
    (b"ObjectType", Reason.UNSUPPORTED_FORMAT, "MetaImage"),
    (b"NDims", Reason.UNSUPPORTED_FORMAT, "MetaImage"),
    (b"\x89PNG", Reason.NOT_AN_IMAGE, "PNG image"),
    (b"\xff\xd8\xff", Reason.NOT_AN_IMAGE, "JPEG image"),
    (b"GIF8", Reason.NOT_AN_IMAGE, "GIF image"),
    (b"II*\x00", Reason.NOT_AN_IMAGE, "TIFF image"),
    (b"MM\x00*", Reason.NOT_AN_IMAGE, "TIFF image"),
    (b"\x00\x00\x00\x0cjP  ", Reason.NOT_AN_IMAGE, "JPEG 2000 image"),
    (b"%PDF", Reason.NOT_AN_IMAGE, "PDF"),
    (b"SQLite format 3", Reason.NOT_AN_IMAGE, "SQLite database"),
    (b"\x00\x00\x00\x01Bud1", Reason.NOT_AN_IMAGE, "folder settings of macOS"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        Reason.NOT_AN_IMAGE,
        "Thumbs.db or Office file",
    ),
)

_ENDINGS: dict[str, tuple[Reason, str]] = {
    **dict.fromkeys((".mgz", ".mgh", ".mgh.gz"), (Reason.UNSUPPORTED_FORMAT, "FreeSurfer MGH")),
    **dict.fromkeys((".mha", ".mhd"), (Reason.UNSUPPORTED_FORMAT, "MetaImage")),
    **dict.fromkeys((".nrrd", ".nhdr"), (Reason.UNSUPPORTED_FORMAT, "NRRD")),
    **dict.fromkeys((".mnc", ".mnc.gz"), (Reason.UNSUPPORTED_FORMAT, "MINC")),
    **dict.fromkeys((".par", ".rec"), (Reason.UNSUPPORTED_FORMAT, "Philips PAR/REC")),
    **dict.fromkeys((".brik", ".brik.gz", ".head"), (Reason.UNSUPPORTED_FORMAT, "AFNI")),
    **dict.fromkeys((".v", ".ima.gz"), (Reason.UNSUPPORTED_FORMAT, "unknown image container")),
    **dict.fromkeys((".gii", ".gii.gz"), (Reason.UNSUPPORTED_FORMAT, "GIFTI surface")),
    **dict.fromkeys((".trk", ".tck", ".trx"), (Reason.UNSUPPORTED_FORMAT, "streamlines")),
    **dict.fromkeys((".raw", ".raw.gz"), (Reason.UNSUPPORTED_FORMAT, "raw pixels")),
    **dict.fromkeys((".tar", ".tar.gz", ".tgz"), (Reason.UNSUPPORTED_FORMAT, "tar archive")),
    **dict.fromkeys((".img", ".img.gz"), (Reason.UNSUPPORTED_FORMAT, "pixels without header")),
    ".json": (Reason.SIDECAR, "JSON"),
    ".bval": (Reason.SIDECAR, "b-values"),
    ".bvec": (Reason.SIDECAR, "diffusion directions"),
    ".bvals": (Reason.SIDECAR, "b-values"),
    ".bvecs": (Reason.SIDECAR, "diffusion directions"),
    ".tsv": (Reason.SIDECAR, "table"),
    ".tsv.gz": (Reason.SIDECAR, "table"),
    ".csv": (Reason.SIDECAR, "table"),
    ".xml": (Reason.SIDECAR, "XML"),
    ".txt": (Reason.NOT_AN_IMAGE, "text"),
    ".md": (Reason.NOT_AN_IMAGE, "text"),
}

# DICOM that a PACS compressed with zlib, after this many bytes (Orthanc: the inflated size).
_COMPRESSED_DICOM = ((8, "Orthanc compressed storage"), (0, "zlib-compressed DICOM"))

_IMAGE_ENDINGS = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".dcm")


def sniff(path: str, first_bytes: bytes) -> Kind:
    """Return the kind of a file by its first 4096 bytes (all of a shorter file).

    Recognizes DICOM with or without preamble, NIfTI-1, NIfTI-2 and Analyze 7.5 of either byte
    order, gzipped or not (only the header is inflated). Otherwise returns a reason and what the
    file seems to be. A `.nii`, `.hdr` or `.dcm` file with other content is `bad_header`, or
    `truncated` if it is shorter than a header.
    """
    if not first_bytes and not _is_apple_double(path):
        return Kind("", Reason.EMPTY_FILE)
    if first_bytes[_DICOM_PREFIX : _DICOM_PREFIX + 4] == b"DICM":
        return Kind("dicom")
    content = inflated(first_bytes) if first_bytes[:2] == b"\x1f\x8b" else first_bytes
    volume = _nifti_kind(content)
    if volume is not None:
        return volume
    if content is first_bytes and _is_bare_dicom(first_bytes):
        return Kind("dicom")
    return _unsupported(path.lower(), first_bytes, content)


def inflated(compressed: bytes, most: int = SNIFFED_BYTES, wbits: int = 31) -> bytes:
    """Return at most `most` bytes of the content of a gzip stream (zlib if `wbits` is 15).

    Fewer if the stream is truncated or damaged.
    """
    try:
        return zlib.decompressobj(wbits).decompress(compressed, most)
    except zlib.error:
        return b""


def _nifti_kind(head: bytes) -> Kind | None:
    if len(head) < _NIFTI1_SIZE:
        return None
    sizes = struct.unpack_from("<i", head)[0], struct.unpack_from(">i", head)[0]
    if _NIFTI2_SIZE in sizes and head[4:7] in (b"n+2", b"ni2"):
        return Kind("nifti" if head[4:7] == b"n+2" else "nifti_pair")
    if _NIFTI1_SIZE not in sizes:
        return None
    magic = head[344:348]
    if magic == b"n+1\0":
        return Kind("nifti")
    if magic == b"ni1\0":
        return Kind("nifti_pair")
    order = "<" if sizes[0] == _NIFTI1_SIZE else ">"
    n_dimensions, *dimensions = struct.unpack_from(order + "8h", head, 40)
    if 1 <= n_dimensions <= 7 and min(dimensions[: min(n_dimensions, 3)]) > 0:
        return Kind("nifti_pair")
    return None


def _is_bare_dicom(head: bytes) -> bool:
    """Return whether the file starts with two plausible elements of group 2 or 8.

    Either byte order is accepted.
    """
    return any(_has_two_elements(head, order) for order in "<>")


def _has_two_elements(head: bytes, order: str) -> bool:
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
            return previous_tag >= 0  # for example, a sequence as the second element
        previous_tag = tag
    return True


def _unsupported(name: str, first_bytes: bytes, content: bytes) -> Kind:
    for magic, reason, what in _MAGIC:
        if first_bytes.startswith(magic):
            return Kind("", reason, what)
    container = _container(first_bytes)
    if container:
        return Kind("", Reason.UNSUPPORTED_FORMAT, container)
    if _is_apple_double(name):
        return Kind("", Reason.NOT_AN_IMAGE, _APPLE_DOUBLE)
    if len(first_bytes) < _NIFTI1_SIZE and b"/annex/objects/" in first_bytes:
        # A git-annex link on a file system without links, which stores it as text.
        return Kind("", Reason.NOT_AN_IMAGE, _NOT_FETCHED.format("git-annex"))
    ending = max((end for end in _ENDINGS if name.endswith(end)), key=len, default="")
    if ending:
        return Kind("", *_ENDINGS[ending])
    if name.endswith(_IMAGE_ENDINGS):
        short = len(content) < _NIFTI1_SIZE
        return Kind("", Reason.TRUNCATED if short else Reason.BAD_HEADER, "no such header inside")
    if content[257:262] == b"ustar":
        return Kind("", Reason.UNSUPPORTED_FORMAT, "tar archive")
    if first_bytes[:2] == b"\x1f\x8b":
        dicom = content[_DICOM_PREFIX : _DICOM_PREFIX + 4] == b"DICM"
        return Kind("", Reason.UNSUPPORTED_FORMAT, "gzipped DICOM" if dicom else "gzip file")
    return Kind("", Reason.NOT_AN_IMAGE, "text" if _is_text(first_bytes) else "")


def _container(first_bytes: bytes) -> str:
    """Return the name of a container of a DICOM file that only its content reveals."""
    for offset, name in _COMPRESSED_DICOM:
        if first_bytes[offset : offset + 1] == b"\x78":
            content = inflated(first_bytes[offset:], wbits=15)
            if content[_DICOM_PREFIX : _DICOM_PREFIX + 4] == b"DICM":
                return name
    if first_bytes.startswith(b"--") and b"application/dicom" in first_bytes:
        return "multipart DICOM (DICOMweb)"
    return ""


def _is_apple_double(path: str) -> bool:
    """Return whether the name is that of an AppleDouble companion file (`._` prefix)."""
    return posixpath.basename(path).startswith("._")


def _is_text(head: bytes) -> bool:
    return b"\0" not in head and head.isascii()
