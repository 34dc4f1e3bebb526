"""Detect the format of a file from its first bytes, and unsupported formats also from its name."""

import posixpath
from typing import NamedTuple

from batchmri.formats.dicom.sniff import has_prefix
from batchmri.formats.inflate import GZIP_MAGIC, inflated, inflated_head
from batchmri.formats.nifti.sniff import NIFTI1_SIZE
from batchmri.formats.registry import readers
from batchmri.reasons import Reason


class Kind(NamedTuple):
    """The name of the reader of a file, or why there is none, and what the file seems to be."""

    reader: str
    reason: Reason | None = None
    name: str = ""


_APPLE_DOUBLE = "AppleDouble file of macOS"
_NOT_FETCHED = "pointer of {} to content that was not fetched"

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

    The first reader that recognizes the file reads it. Otherwise returns a reason and what the
    file seems to be. A `.nii`, `.hdr` or `.dcm` file with other content is `bad_header`, or
    `truncated` if it is shorter than a header.
    """
    if not first_bytes and not _is_apple_double(path):
        return Kind("", Reason.EMPTY_FILE)
    for name, reader in readers().items():
        if reader.sniff(path, first_bytes):
            return Kind(name)
    return _unsupported(path.lower(), first_bytes)


def _unsupported(name: str, first_bytes: bytes) -> Kind:
    content = inflated_head(first_bytes)
    for magic, reason, what in _MAGIC:
        if first_bytes.startswith(magic):
            return Kind("", reason, what)
    container = _container(first_bytes)
    if container:
        return Kind("", Reason.UNSUPPORTED_FORMAT, container)
    if _is_apple_double(name):
        return Kind("", Reason.NOT_AN_IMAGE, _APPLE_DOUBLE)
    if len(first_bytes) < NIFTI1_SIZE and b"/annex/objects/" in first_bytes:
        # A git-annex link on a file system without links, which stores it as text.
        return Kind("", Reason.NOT_AN_IMAGE, _NOT_FETCHED.format("git-annex"))
    ending = max((end for end in _ENDINGS if name.endswith(end)), key=len, default="")
    if ending:
        return Kind("", *_ENDINGS[ending])
    if name.endswith(_IMAGE_ENDINGS):
        short = len(content) < NIFTI1_SIZE
        return Kind(
            "", Reason.TRUNCATED if short else Reason.BAD_HEADER, "no header of that format"
        )
    if content[257:262] == b"ustar":
        return Kind("", Reason.UNSUPPORTED_FORMAT, "tar archive")
    if first_bytes[:2] == GZIP_MAGIC:
        name = "gzipped DICOM" if has_prefix(content) else "gzip file"
        return Kind("", Reason.UNSUPPORTED_FORMAT, name)
    return Kind("", Reason.NOT_AN_IMAGE, "text" if _is_text(first_bytes) else "")


def _container(first_bytes: bytes) -> str:
    """Return the name of a container of DICOM that only the content reveals."""
    for offset, name in _COMPRESSED_DICOM:
        compressed = first_bytes[offset:]
        if compressed[:1] == b"\x78" and has_prefix(inflated(compressed)):
            return name
    if first_bytes.startswith(b"--") and b"application/dicom" in first_bytes:
        return "multipart DICOM (DICOMweb)"
    return ""


def _is_apple_double(path: str) -> bool:
    """Return whether the name is that of an AppleDouble companion file (`._` prefix)."""
    return posixpath.basename(path).startswith("._")


def _is_text(head: bytes) -> bool:
    return b"\0" not in head and head.isascii()
