"""Objects that can never be classified, truncated files, and false sizes."""

import struct
import zlib
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from batchmri.reasons import Reason
from batchmri.records import FileNote
from tests.builders import (
    dataset,
    dicom,
    read,
    read_instance,
    read_note,
    write,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

STORAGE = "1.2.840.10008.5.1.4.1.1."
PIXELS = b"\xe0\x7f\x10\x00OW"


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"PixelData": None}, Reason.NO_PIXEL_DATA),
        ({"SOPClassUID": STORAGE + "88.11", "PixelData": None}, Reason.NO_PIXEL_DATA),
        ({"SOPClassUID": STORAGE + "66.4", "Modality": "SEG"}, Reason.UNSUPPORTED_OBJECT),
        ({"SOPClassUID": STORAGE + "481.2", "Modality": "RTDOSE"}, Reason.UNSUPPORTED_OBJECT),
        ({"SOPClassUID": STORAGE + "7"}, Reason.SECONDARY_CAPTURE),
        ({"ConversionType": "WSD"}, Reason.SECONDARY_CAPTURE),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, Reason.SECONDARY_CAPTURE),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, Reason.COLOR),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, Reason.COLOR),
        ({"BurnedInAnnotation": "YES"}, Reason.BURNED_IN_ANNOTATION),
        ({"Rows": None}, Reason.BAD_HEADER),
        ({"NumberOfFrames": 70000}, Reason.BAD_HEADER),
        ({"NumberOfFrames": 5000}, Reason.TRUNCATED),
        ({"Rows": 65535, "Columns": 65535}, Reason.TRUNCATED),
        ({"PixelData": bytes(100), "PixelPaddingValue": 1}, Reason.TRUNCATED),
    ],
)  # fmt: skip
def test_objects_that_can_never_be_classified_have_a_reason(tmp_path: Path, tags, reason) -> None:
    found = read_instance(dicom(tmp_path / "a", 1, **tags))
    assert (found.refusal, found.frames) == (reason, ())


def test_fewer_pixels_than_declared_in_a_complete_file(tmp_path: Path) -> None:
    ds = dataset(1, PixelData=bytes(100))
    ds.add_new(0xFFFCFFFC, "OB", bytes(2000))  # trailing padding
    assert read_instance(write(tmp_path / "a", ds)).refusal is Reason.BAD_PIXELS


@pytest.mark.parametrize(
    ("syntax", "reason"),
    [
        ("1.2.3.4.5", Reason.UNSUPPORTED_TRANSFER_SYNTAX),
        ("1.2.840.10008.1.2.4.94", Reason.UNSUPPORTED_TRANSFER_SYNTAX),
        ("1.2.840.10008.1.2.4.102", Reason.UNSUPPORTED_OBJECT),
    ],
)
def test_unsupported_transfer_syntaxes(tmp_path: Path, syntax: str, reason: Reason) -> None:
    path = dicom(tmp_path / "a")
    raw = path.read_bytes()
    old = ExplicitVRLittleEndian.encode() + b"\0"
    new = syntax.encode() + b"\0" * (len(syntax) % 2)
    at = raw.index(old)
    path.write_bytes(raw[: at - 2] + struct.pack("<H", len(new)) + new + raw[at + len(old) :])
    found = read_instance(path)
    assert found.refusal is reason
    assert found.detail


def test_truncated_pixels(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a")
    raw = path.read_bytes()
    path.write_bytes(raw[:-100])
    found = read_instance(path)
    assert found.refusal is Reason.TRUNCATED
    assert (found.series_uid, found.frames) == ("1.2.3.0", ())


def test_a_header_truncated_anywhere_has_a_reason(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a")
    raw = path.read_bytes()
    pixels = raw.index(PIXELS)
    for length in range(1, pixels, 7):
        path.write_bytes(raw[:length])
        found = read(path)
        reason = found.reason if isinstance(found, FileNote) else found.refusal
        assert reason in {
            Reason.TRUNCATED, Reason.BAD_HEADER, Reason.NO_PIXEL_DATA, Reason.NOT_AN_IMAGE
        }, (length, found)  # fmt: skip


@pytest.mark.parametrize("bare", [False, True])
def test_a_file_truncated_before_its_study_uid(tmp_path: Path, bare: bool) -> None:
    """Also between two elements, where nothing else shows that something is missing."""
    path = write(tmp_path / "a", dataset(1, SOPClassUID=STORAGE + "2", Modality="CT"), bare=bare)
    raw = path.read_bytes()
    for tag in (b"\x08\x00\x18\x00UI", b"\x08\x00\x60\x00CS", b"\x20\x00\x0d\x00UI"):
        path.write_bytes(raw[: raw.index(tag)])
        note = read_note(path)
        assert (note.reason, note.detail) == (Reason.TRUNCATED, "the file ends inside its header")


def test_a_file_truncated_after_its_meta_header(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a")
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.index(b"\x08\x00\x08\x00CS")])
    assert read_note(path).reason is Reason.TRUNCATED


def test_objects_without_study_are_not_truncated(tmp_path: Path) -> None:
    """Protocols, inventories and objects of no storage class end before group 0020."""
    none = dict.fromkeys(("StudyInstanceUID", "SeriesInstanceUID", "PixelData", "SeriesNumber",
                          "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient",
                          "PixelSpacing", "Rows", "Columns", "BitsAllocated", "SamplesPerPixel",
                          "PhotometricInterpretation"))  # fmt: skip
    for sop_class in (STORAGE + "200.1", STORAGE + "201.1", "1.2.840.10008.5.1.4.38.1"):
        note = read_note(dicom(tmp_path / sop_class, SOPClassUID=sop_class, **none))
        assert note.reason is Reason.NO_PIXEL_DATA, sop_class


def test_more_encapsulated_frames_than_the_file_can_contain(tmp_path: Path) -> None:
    ds = dataset(1, NumberOfFrames=60000)
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    assert read_instance(write(tmp_path / "a", ds)).refusal is Reason.TRUNCATED


def test_a_false_length_allocates_no_memory(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a", SeriesDescription=None)
    raw = path.read_bytes()
    at = raw.index(b"\x08\x00\x60\x00CS")
    lie = b"\x08\x00\x3e\x10UT\0\0" + struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(raw[:at] + lie + raw[at:])
    found = read(path)
    reason = found.reason if isinstance(found, FileNote) else found.refusal
    assert reason is Reason.TRUNCATED


def test_too_deeply_nested_sequences(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a")
    raw = path.read_bytes()
    at = raw.index(b"\x10\x00\x20\x00LO")
    nest = (b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 20000
    path.write_bytes(raw[:at] + nest + raw[at:])
    assert isinstance(read(path), FileNote)


def test_a_deflate_bomb_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchmri.formats.dicom.header._MAX_INFLATED", 2**24)
    ds = dataset(1)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = write(tmp_path / "a", ds)
    raw = path.read_bytes()
    meta = raw[: 144 + struct.unpack_from("<I", raw, 140)[0]]
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(b"\x09\x00\x01\x10OB\0\0" + struct.pack("<I", 2**30))
    bomb += packer.compress(bytes(2**25)) + packer.flush()
    path.write_bytes(meta + bomb)
    note = read_note(path)
    assert note.reason is Reason.TOO_LARGE


def test_dicomdir_and_objects_without_series_are_notes(tmp_path: Path) -> None:
    directory = dataset(1, SOPClassUID="1.2.840.10008.1.3.10")
    assert read_note(write(tmp_path / "DICOMDIR", directory)).reason is Reason.DICOMDIR
    none = dict.fromkeys(("StudyInstanceUID", "SeriesInstanceUID", "PixelData"))
    protocol = read_note(dicom(tmp_path / "p", SOPClassUID="1.2.840.10008.5.1.4.38.1", **none))
    assert (protocol.reason, protocol.detail) == (Reason.NO_PIXEL_DATA, "Hanging Protocol Storage")
