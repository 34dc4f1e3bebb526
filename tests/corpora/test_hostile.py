"""Malicious files: each gets a reason and causes no harm."""

import gzip
import os
import stat
import struct
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from batchmri.formats.decode import DecodeTask, Refusal, decode_many
from batchmri.formats.read_headers import read_headers
from batchmri.reasons import Reason
from batchmri.records import Display, FileNote, Instance
from tests.builders import (
    CONTEXT,
    dataset,
    dicom,
    entry,
    is_accounted,
    read,
    read_instance,
    scan,
    write,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

NASTY = "\x1b[2J\x1b]0;owned\x07[red]<script>=cmd|' /C calc'!A0"
SEQUENCE = b"\x08\x00\x40\x11SQ\0\0"  # Referenced Image Sequence
PATIENT_ID = b"\x10\x00\x20\x00LO"


def _reason(found: Instance | FileNote) -> Reason | None:
    return found.reason if isinstance(found, FileNote) else found.refusal


def _spliced(path: Path, element: bytes, before: bytes = PATIENT_ID) -> Path:
    raw = path.read_bytes()
    at = raw.index(before)
    path.write_bytes(raw[:at] + element + raw[at:])
    return path


@pytest.mark.parametrize(
    "name", [b"new\nline", b"\x1b[2J\x07bell", b"caf\xe9", b"=1+1", "\u202egnp".encode(), b"a\\b"]
)
def test_names_of_files_and_folders(tmp_path: Path, name: bytes) -> None:
    for number in range(1, 7):
        folder = Path(os.fsdecode(os.fsencode(tmp_path / "r") + b"/" + name))
        dicom(folder / f"{number}", number)
    studies, notes, walked = scan(tmp_path / "r")
    assert is_accounted(studies, notes, walked)
    (series,) = studies[0].series
    assert series.n_slices == 6 and series.source.isprintable()
    assert all(Path(ref.path).is_file() and ref.source.isprintable() for ref in series.slices)


def test_header_text_is_treated_as_data(tmp_path: Path) -> None:
    """It is unchanged until tables and console make it harmless."""
    texts = ("SeriesDescription", "Manufacturer", "ProtocolName", "StudyDescription", "PatientID",
             "BodyPartExamined", "SequenceName", "ImageType", "Modality")  # fmt: skip
    with pydicom.config.disable_value_validation():
        tags = dict.fromkeys(texts, NASTY) | {"Modality": "MR"}
        found = read_instance(dicom(tmp_path / "a", **tags))
    assert found.refusal is None
    assert found.header.series_description == NASTY == found.header.manufacturer
    assert NASTY not in repr((found.source, found.header.image_type, found.header.body_part))


def test_nul_bytes_in_a_header(tmp_path: Path) -> None:
    ds = dataset(1, SeriesDescription=None)
    element = b"\x08\x00\x3e\x10LO" + struct.pack("<H", 8) + b"T1\0\0SE\0\0"
    found = read_instance(_spliced(write(tmp_path / "a", ds), element))
    assert found.header.series_description.startswith("T1") and found.refusal is None
    assert not found.header.series_description.endswith("\0")


@pytest.mark.parametrize(
    "uid", ["../../../etc/x", "/etc/passwd", "1.2/../../3", "..", ".", "1\0.2"]
)
def test_uids_with_path_parts_never_become_a_path(tmp_path: Path, uid: str) -> None:
    for number in range(1, 7):
        with pydicom.config.disable_value_validation():
            dicom(tmp_path / f"r/{number}", number, StudyInstanceUID=uid, SeriesInstanceUID=uid)
    studies, notes, walked = scan(tmp_path / "r")
    assert is_accounted(studies, notes, walked)
    (series,) = studies[0].series
    assert series.key.study_uid.startswith("2.25.") and series.key.series_uid.startswith("2.25.")
    assert series.n_slices == 6 and "uid_replaced" in series.flags


@pytest.mark.parametrize("depth", [30, 100, 100_000])
@pytest.mark.parametrize("defined", [False, True])
def test_sequences_in_sequences(tmp_path: Path, depth: int, defined: bool) -> None:
    if defined:
        nest = b""
        for _ in range(min(depth, 2000)):
            item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(nest)) + nest
            nest = SEQUENCE + struct.pack("<I", len(item)) + item
    else:
        nest = (SEQUENCE + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4) * depth
        nest += (b"\xfe\xff\x0d\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)) * depth
    found = read(_spliced(dicom(tmp_path / "a"), nest))
    assert _reason(found) is (None if depth == 30 or defined else Reason.BAD_HEADER)


@pytest.mark.parametrize("length", [2**31, 2**32 - 2, 10_000])
@pytest.mark.parametrize("vr", [b"UT", b"OB", b"SQ", b"UN"])
def test_an_element_longer_than_the_file(tmp_path: Path, vr, length) -> None:
    lie = b"\x09\x00\x01\x10" + vr + b"\0\0" + struct.pack("<I", length)
    assert _reason(read(_spliced(dicom(tmp_path / "a"), lie))) is Reason.TRUNCATED


def test_an_item_longer_than_its_sequence(tmp_path: Path) -> None:
    item = b"\xfe\xff\x00\xe0" + struct.pack("<I", 2**31)
    lie = b"\x28\x00\x00\x30SQ\0\0" + struct.pack("<I", len(item)) + item
    shared = b"\x00\x52\x29\x92SQ\0\0" + struct.pack("<I", len(item)) + item
    assert _reason(read(_spliced(dicom(tmp_path / "a"), lie))) is None
    assert _reason(read(_spliced(dicom(tmp_path / "b"), shared, b"\xe0\x7f\x10\x00OW"))) is None


@pytest.mark.parametrize(
    "tags",
    [
        {"Rows": 65535, "Columns": 65535},
        {"NumberOfFrames": 65536},
        {"NumberOfFrames": "2147483647"},
        {"NumberOfFrames": "-5"},
        {"BitsAllocated": 65535},
        {"Rows": 0},
    ],
)
def test_declared_sizes_are_checked_before_memory_is_allocated(tmp_path: Path, tags) -> None:
    found = read_instance(dicom(tmp_path / "a", **tags))
    assert found.refusal in (Reason.TRUNCATED, Reason.BAD_HEADER) and found.frames == ()


@pytest.mark.parametrize(
    "dim", [(32767,) * 7, (32767, 32767, 32767, 1, 1, 1, 1), (1, 1, 0, 1, 1, 1, 1)]
)
def test_declared_sizes_of_nifti(tmp_path: Path, dim: tuple[int, ...]) -> None:
    image = nibabel.Nifti1Image(np.zeros((6, 7, 8), np.int16), np.eye(4))
    nibabel.save(image, tmp_path / "v.nii")
    raw = bytearray((tmp_path / "v.nii").read_bytes())
    raw[40:56] = struct.pack("<8h", 7, *dim)
    (tmp_path / "v.nii").write_bytes(raw)
    assert _reason(read(tmp_path / "v.nii")) in (Reason.TRUNCATED, Reason.BAD_HEADER)


def test_only_the_header_of_a_gzip_bomb_is_inflated(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_shape((2000, 2000, 25))
    header.set_data_dtype(np.uint8)
    header["magic"], header["vox_offset"] = b"n+1", 352
    path = tmp_path / "v.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4 + 2000 * 2000 * 25), 9))
    assert path.stat().st_size < 125_000
    found = read_instance(path)
    assert len(found.frames) == 25, "only the header is inflated, not the 100 MB"
    task = DecodeTask("nifti", str(path), (1,), 2, Display(), max_bytes=1 << 20)
    (answer,) = decode_many([task])[0].slices
    assert isinstance(answer, Refusal) and answer.reason is Reason.TOO_LARGE


def _special(folder: Path) -> dict[str, str]:
    """A FIFO, and a character device if this process may create one."""
    os.mkfifo(folder / "pipe.dcm")
    made = {"pipe.dcm": "named pipe"}
    try:
        os.mknod(folder / "null.nii", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        return made
    return {**made, "null.nii": "device file"}


def test_pipes_and_devices_are_never_opened(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    made = _special(tmp_path / "r")
    studies, notes, walked = scan(tmp_path / "r")
    assert is_accounted(studies, notes, walked) and not studies
    assert {note.source.removeprefix("r/"): note.detail for note in notes} == made


def test_links_out_of_the_root_are_named_and_not_followed(tmp_path: Path) -> None:
    dicom(tmp_path / "secret/1")
    (tmp_path / "r").mkdir()
    (tmp_path / "r/file").symlink_to(tmp_path / "secret/1")
    (tmp_path / "r/folder").symlink_to(tmp_path / "secret", target_is_directory=True)
    studies, notes, walked = scan(tmp_path / "r")
    assert is_accounted(studies, notes, walked) and not studies
    assert {note.detail for note in notes} == {"symbolic link that leads outside, not followed"}


def _vanish(path: Path) -> None:
    path.unlink()


def _shrink(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def _turn_into_text(path: Path) -> None:
    path.write_text("no longer DICOM")


def _turn_into_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [_vanish, _shrink, _turn_into_text, _turn_into_a_folder])
def test_files_that_change_between_the_walk_and_the_reading(tmp_path: Path, change) -> None:
    path = dicom(tmp_path / "a")
    one = entry(path)
    found = read_instance(path)
    change(path)
    (header,) = read_headers([one], CONTEXT)
    assert isinstance(header, FileNote)
    task = DecodeTask("dicom", found.path, (1,), 2, Display(), max_bytes=1 << 20)
    (answer,) = decode_many([task])[0].slices
    assert isinstance(answer, Refusal)
