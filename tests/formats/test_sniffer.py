import gzip
import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from batchmri.formats.sniffer import sniff
from batchmri.reasons import Reason
from tests.builders import dataset, write


def _head(path: Path) -> bytes:
    return path.read_bytes()[:4096]


def test_dicom_with_preamble(tmp_path: Path) -> None:
    assert sniff("x", _head(write(tmp_path / "x", dataset()))).reader == "dicom"


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_dicom_without_preamble(tmp_path: Path, syntax) -> None:
    ds = dataset()
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = ds.PixelData[::-1]
    assert sniff("x", _head(write(tmp_path / "x", ds, bare=True))).reader == "dicom"


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_nifti_by_content_whatever_the_name(tmp_path: Path, kind, ending) -> None:
    path = tmp_path / f"v{ending}"
    nibabel.save(kind(np.zeros((3, 4, 5), np.int16), np.eye(4)), path)
    assert sniff("no ending", _head(path)).reader == "nifti"


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair, nibabel.AnalyzeImage])
def test_pairs(tmp_path: Path, kind) -> None:
    nibabel.save(kind(np.zeros((3, 4, 5), np.int16), np.eye(4)), tmp_path / "v.img")
    assert sniff("v.hdr", _head(tmp_path / "v.hdr")).reader == "nifti"
    assert sniff("v.img", _head(tmp_path / "v.img")).reader == ""


def test_big_endian(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header(endianness=">")
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5)), np.eye(4), header), tmp_path / "v.nii")
    head = _head(tmp_path / "v.nii")
    assert struct.unpack_from(">i", head)[0] == 348
    assert sniff("v", head).reader == "nifti"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x", b"", Reason.EMPTY_FILE),
        ("x.nii", b"short", Reason.TRUNCATED),
        ("x.nii.gz", gzip.compress(b"a" * 1000, mtime=0), Reason.BAD_HEADER),
        ("x.nii.gz", b"\x1f\x8b damaged", Reason.TRUNCATED),
        ("x.dcm", b"text " * 100, Reason.BAD_HEADER),
        ("x.json", b"{}", Reason.SIDECAR),
        ("x.bval", b"0 1000", Reason.SIDECAR),
        ("x.TSV", b"a\tb", Reason.SIDECAR),
        ("README", b"some words", Reason.NOT_AN_IMAGE),
        ("x.png", b"\x89PNG\r\n", Reason.NOT_AN_IMAGE),
        ("x.mgz", gzip.compress(b"\0\0\0\1" + bytes(400), mtime=0), Reason.UNSUPPORTED_FORMAT),
        ("x.mha", b"ObjectType = Image", Reason.UNSUPPORTED_FORMAT),
        ("x", b"NRRD0004\n", Reason.UNSUPPORTED_FORMAT),
        ("x.mnc", b"\x89HDF\r\n", Reason.UNSUPPORTED_FORMAT),
        ("x.PAR", b"# === DATA", Reason.UNSUPPORTED_FORMAT),
        ("x", b"PK\x03\x04", Reason.UNSUPPORTED_FORMAT),
        ("x.img", bytes(1000), Reason.UNSUPPORTED_FORMAT),
        ("x", bytes(4096), Reason.NOT_AN_IMAGE),
        ("x", b"\x08\x00\x05\x00", Reason.NOT_AN_IMAGE),
        ("._x.dcm", b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(4000), Reason.NOT_AN_IMAGE),
        ("._x.json", b"\0\5\x16\7\0\2\0\0Mac OS X", Reason.NOT_AN_IMAGE),
        (".AppleDouble/x.dcm", b"\0\5\x16\7\0\1\0\0" + bytes(600), Reason.NOT_AN_IMAGE),
        ("a/._x.nii.gz", b"", Reason.NOT_AN_IMAGE),
        ("a/._x.dcm", b"junk", Reason.NOT_AN_IMAGE),
        ("x.dcm", b"\0\5\x16\0\0\2\0\0" + bytes(600), Reason.UNSUPPORTED_FORMAT),
        (".DS_Store", b"\0\0\0\1Bud1" + bytes(400), Reason.NOT_AN_IMAGE),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), Reason.NOT_AN_IMAGE),
        ("desktop.ini", b"[.ShellClassInfo]\r\n", Reason.NOT_AN_IMAGE),
        ("sub-1_T1w.nii.gz", b"/annex/objects/MD5E-s1--0.nii.gz\n", Reason.NOT_AN_IMAGE),
        ("x.nii.gz", b"../.git/annex/objects/a/b/MD5E-s1--0.nii.gz", Reason.NOT_AN_IMAGE),
        ("x.dcm", b"version https://git-lfs.github.com/spec/v1\noid s", Reason.NOT_AN_IMAGE),
        ("x", b"\x1f\x9d\x90" + bytes(40), Reason.UNSUPPORTED_FORMAT),
        ("x", b"DICM\2\0\0\0UL\4\0", Reason.UNSUPPORTED_FORMAT),
        ("x.dcm", b"IMGF" + bytes(400), Reason.UNSUPPORTED_FORMAT),
        ("x", b"--B\r\nContent-Type: application/dicom\r\n\r\n", Reason.UNSUPPORTED_FORMAT),
    ],
)
def test_other_formats_are_named(name: str, content: bytes, reason: Reason) -> None:
    kind = sniff(name, content)
    assert (kind.reader, kind.reason) == ("", reason)


@pytest.mark.parametrize("level", [1, 6, 9])
def test_compressed_storage_of_a_pacs(tmp_path: Path, level: int) -> None:
    content = write(tmp_path / "x", dataset()).read_bytes()
    packed = zlib.compress(content, level)
    kinds = [
        sniff(name, head[:4096])
        for name in ("21343905-260d", "x.dcm")
        for head in (struct.pack("<Q", len(content)) + packed, packed)
    ]
    assert {kind.reason for kind in kinds} == {Reason.UNSUPPORTED_FORMAT}
    assert [kind.name for kind in kinds[:2]] == [
        "Orthanc compressed storage",
        "zlib-compressed DICOM",
    ]
    text = struct.pack("<Q", 2) + zlib.compress(b"{}", level)
    assert sniff("x", text).reason is Reason.NOT_AN_IMAGE


def test_images_are_recognized_with_any_name(tmp_path: Path) -> None:
    assert sniff("._x.dcm", _head(write(tmp_path / "x", dataset()))).reader == "dicom"


def test_a_gzip_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(bytes(6_000_000))[:4096]
    assert sniff("x", bomb).reason is Reason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("first", [0, 100, 347])
def test_a_header_in_several_gzip_members(tmp_path: Path, first: int) -> None:
    path = tmp_path / "v.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.eye(4)), path)
    content = path.read_bytes()
    members = gzip.compress(content[:first]) + bytes(9) + gzip.compress(content[first:])
    assert sniff("no ending", members[:4096]).reader == "nifti"
