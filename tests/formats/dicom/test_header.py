import struct
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from batchmri.formats.dicom.dataset import Tags
from batchmri.formats.dicom.header_fields import (
    _SERIES_LEVEL,
    FRAME_GROUPS,
    SHARED_GROUPS,
    _header_of,
    header_of,
)
from batchmri.formats.dicom.parser import Element, Encoding
from batchmri.formats.read_headers import HeaderContext, read_headers
from batchmri.header import Header
from batchmri.records import Instance
from tests.builders import (
    CONTEXT,
    dataset,
    dicom,
    entry,
    read,
    read_instance,
    write,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def test_header_values_of_a_slice(tmp_path: Path) -> None:
    found = read_instance(
        dicom(tmp_path / "a", 7, EchoTime="12.5", RepetitionTime="500", FlipAngle="90",
              ScanningSequence=["SE"], Manufacturer="SIEMENS", BodyPartExamined="HEAD")
    )  # fmt: skip
    assert (found.study_uid, found.series_uid, found.instance_uid) == (
        "1.2.3",
        "1.2.3.0",
        "1.2.3.7",
    )
    assert (found.rows, found.columns, found.instance_number) == (16, 20, 7)
    assert found.refusal is None and found.flags == ()
    header = found.header
    assert (header.modality, header.series_description, header.body_part) == (
        "MR",
        "T1 SE",
        "brain",
    )
    assert (header.echo_time, header.repetition_time, header.flip_angle) == (12.5, 500.0, 90.0)
    assert header.transfer_syntax == ExplicitVRLittleEndian
    (frame,) = found.frames
    assert frame.position == (-100.0, -100.0, 35.0)
    assert frame.orientation == ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    assert frame.pixel_spacing == (10.0, 10.0)
    assert frame.echo == "12.5"


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
def test_all_encodings_yield_the_same_header(tmp_path: Path, syntax, bare) -> None:
    if bare and syntax == DeflatedExplicitVRLittleEndian:
        pytest.skip("deflated objects are recognized by their meta header")
    ds = dataset(1)
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        ds["PixelData"].VR = "OW"
    found = read_instance(write(tmp_path / "a", ds, bare=bare))
    plain = read_instance(dicom(tmp_path / "b", 1))
    assert (found.refusal, found.rows, found.frames) == (None, 16, plain.frames)


def test_missing_and_invalid_uids_are_replaced(tmp_path: Path) -> None:
    missing = dict.fromkeys(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))
    one = read_instance(dicom(tmp_path / "a/1", 1, **missing), "r/a/1")
    two = read_instance(dicom(tmp_path / "a/2", 2, **missing), "r/a/2")
    other = read_instance(dicom(tmp_path / "b/1", 1, **missing), "r/b/1")
    assert one.flags == ("uid_replaced",)
    assert (one.study_uid, one.series_uid) == (two.study_uid, two.series_uid)
    assert one.instance_uid != two.instance_uid
    assert one.study_uid != other.study_uid and one.series_uid != other.series_uid
    numbered = read_instance(dicom(tmp_path / "a/3", 3, SeriesNumber=2, **missing), "r/a/3")
    assert numbered.study_uid == one.study_uid and numbered.series_uid != one.series_uid


@pytest.mark.parametrize(
    "uid", ["../../etc/passwd", "1.2/3", "..", ".1.2", "1..2", "x" * 70, "1.2\n3"]
)
def test_invalid_uids_are_not_kept(tmp_path: Path, uid: str) -> None:
    ds = dataset(1)
    with pydicom.config.disable_value_validation():
        ds.SeriesInstanceUID = uid
        ds.StudyInstanceUID = uid
        found = read_instance(write(tmp_path / "a", ds))
    assert found.study_uid.startswith("2.25.") and found.series_uid.startswith("2.25.")
    assert "uid_replaced" in found.flags


def test_names_and_ids_are_not_kept(tmp_path: Path) -> None:
    planted = "PLANTED"
    texts = dict.fromkeys(
        ("PatientName", "PatientID", "AccessionNumber", "StudyDescription", "ProtocolName",
         "BodyPartExamined", "SequenceName", "ScanningSequence", "ImageType", "Modality",
         "ContrastBolusAgent", "BurnedInAnnotation", "PhotometricInterpretation", "ConversionType",
         "PatientSpeciesDescription", "SpecificCharacterSet", "StudyID", "IssuerOfPatientID"),
        planted,
    )  # fmt: skip
    with pydicom.config.disable_value_validation():
        found = read(dicom(tmp_path / "a", 1, **texts))
    assert planted not in repr(found)


def test_patient_digest_is_keyed_and_needs_an_id(tmp_path: Path) -> None:
    one = read_instance(dicom(tmp_path / "a"))
    same = read_instance(dicom(tmp_path / "b", 2))
    other = read_instance(dicom(tmp_path / "c", PatientID="P2"))
    issued = read_instance(dicom(tmp_path / "d", IssuerOfPatientID="Here"))
    none = read_instance(dicom(tmp_path / "e", PatientID=""))
    assert one.patient == same.patient == issued.patient == CONTEXT.patient_digest("P1")
    assert one.patient != HeaderContext(b"another key").patient_digest("P1")
    assert len({one.patient, other.patient, none.patient}) == 3
    assert none.patient == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ab12", "AB12"),
        ("AB12", " AB12  "),
        ("AB12", "AB12\0\0"),
        ("AB 12", "AB  12"),
        ("AB12", "\uff21\uff22\uff11\uff12"),
        ("00123", "123"),
        ("123", "123^^^HOSPITAL&1.2.3&ISO^MR"),
    ],
)
def test_spellings_of_one_patient_id(one: str, other: str) -> None:
    assert CONTEXT.patient_digest(one) == CONTEXT.patient_digest(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("AB12", "AB-12"), ("P0123", "P123"), ("1230", "123"), ("DOE^JOHN", "DOE^JANE"), ("0", "")],
)
def test_different_patient_ids(one: str, other: str) -> None:
    assert CONTEXT.patient_digest(one) != CONTEXT.patient_digest(other)


def test_fields_that_order_slices_without_position(tmp_path: Path) -> None:
    stated = read_instance(
        dicom(tmp_path / "a", SliceLocation=-12.5, AcquisitionNumber=3, TriggerTime=20.5)
    )
    assert (stated.frames[0].slice_location, stated.acquisition) == (-12.5, "n3 t20.5")
    plain = read_instance(dicom(tmp_path / "b"))
    assert (plain.frames[0].slice_location, plain.acquisition) == (None, "")


def test_several_missing_and_wrongly_typed_values(tmp_path: Path) -> None:
    ds = dataset(1, ImageType=None, InstanceNumber=None)
    for tag, vr, value in (
        (0x00280010, "IS", "16"),  # Rows as text
        (0x00180081, "LO", "12.5"),
        (0x00180080, "DS", ""),
        (0x00200013, "LO", "seven"),
        (0x00181314, "DS", ["90", "80"]),
        (0x00280030, "DS", ["10"]),
        (0x00200032, "DS", ["1", "2"]),
    ):
        ds.pop(tag, None)
        with pydicom.config.disable_value_validation():
            ds.add_new(tag, vr, value)
    found = read_instance(write(tmp_path / "a", ds))
    assert (found.rows, found.refusal, found.instance_number) == (16, None, None)
    header, (frame,) = found.header, found.frames
    assert (header.echo_time, header.repetition_time, header.flip_angle) == (12.5, None, 90.0)
    assert (frame.position, frame.pixel_spacing) == (None, (10.0, 10.0))


@pytest.mark.parametrize(
    ("stated", "sop_class", "modality"),
    [
        ("MRI", None, "MR"),
        ("mr", None, "MR"),
        ("Mri ", None, "MR"),
        ("NMR", "1.2.840.10008.5.1.4.1.1.7", "MR"),
        ("?", "1.2.840.10008.5.1.4.1.1.4", "MR"),
        (None, "1.2.840.10008.5.1.4.1.1.4.1", "MR"),
        (None, "1.2.840.10008.5.1.4.1.1.2", "CT"),
        ("PET", "1.2.840.10008.5.1.4.1.1.4", "PT"),
        (None, "1.2.840.10008.5.1.4.1.1.128", "PT"),
        (None, "1.2.840.10008.5.1.4.1.1.6.1", "US"),
        ("OT", "1.2.840.10008.5.1.4.1.1.4", "OT"),
        ("PLANTED", "1.2.840.10008.5.1.4.1.1.7", ""),
    ],
)
def test_the_modality(tmp_path: Path, stated, sop_class, modality: str) -> None:
    with pydicom.config.disable_value_validation():
        tags = {"SOPClassUID": sop_class} if sop_class else {}
        path = dicom(tmp_path / "a", Modality=stated, **tags)
    assert read_instance(path).header.modality == modality


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"0,5\\0,25", (0.5, 0.25)),
        (b" 0.5 \\ 0,25 ", (0.5, 0.25)),
        (b"0.5\\0.25\0", (0.5, 0.25)),
        (b"0,5\0\\0,25", (0.5, 0.25)),
        (b"0.5\0 rest\\0.25", (0.5, 0.25)),
        (b"5E-01\\2,5e-1", (0.5, 0.25)),
        (b"5,0D-01\\+ 0,25", (0.5, 0.25)),
        (b"0,5\\0,25\\", (0.5, 0.25)),
        (b"0,5", (0.5, 0.5)),
        (b"1.234,5\\1", None),
        (b"0.5,0.25", None),
        (b"wide\\1", None),
        (b"\\1,5", None),
        (b"nan\\1", None),
    ],
)
def test_decimal_strings_in_use(tmp_path: Path, written: bytes, read) -> None:
    path = dicom(tmp_path / "a", PixelSpacing=None)
    raw = path.read_bytes()
    at = raw.index(b"\x28\x00\x00\x01US")
    written += b" " * (len(written) % 2)
    spacing = b"\x28\x00\x30\x00DS" + struct.pack("<H", len(written)) + written
    path.write_bytes(raw[:at] + spacing + raw[at:])
    assert read_instance(path).frames[0].pixel_spacing == read


def test_the_geometry_with_decimal_commas(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a", ImagePositionPatient=[-10.5, 2.25, 0.5],
                 ImageOrientationPatient=[0.6, 0.8, 0.0, 0.0, 0.0, -1.0],
                 EchoTime="12.5", RepetitionTime="500.5")  # fmt: skip
    plain = read_instance(path)
    raw = path.read_bytes()
    start = raw.index(b"\x20\x00\x32\x00DS")
    end = raw.index(b"\x28\x00\x02\x00US")
    geometry = raw[start:end].replace(b".", b",")
    times = raw[:start].replace(b"12.5", b"12,5").replace(b"500.5", b"500,5")
    path.write_bytes(times + geometry + raw[end:])
    found = read_instance(path)
    assert found.frames == plain.frames and found.header == plain.header
    assert found.frames[0].position == (-10.5, 2.25, 0.5)


def test_invalid_numbers(tmp_path: Path) -> None:
    ds = dataset(1)
    with pydicom.config.disable_value_validation():
        ds.pop("ImagePositionPatient")
        ds.add_new(0x00200032, "FD", [float("nan"), 0.0, 0.0])
        ds.pop("ImageOrientationPatient")
        ds.add_new(0x00200037, "FD", [0.0] * 6)
        found = read_instance(write(tmp_path / "a", ds))
    assert (found.frames[0].position, found.frames[0].orientation) == (None, None)


def test_character_sets(tmp_path: Path) -> None:
    ds = dataset(1, SpecificCharacterSet="ISO_IR 100", SeriesDescription="Schädel T1")
    assert read_instance(write(tmp_path / "a", ds)).header.series_description == "Schädel T1"
    ds = dataset(1, SpecificCharacterSet="no such set", SeriesDescription="T1")
    with pydicom.config.disable_value_validation():
        assert read_instance(write(tmp_path / "b", ds)).header.series_description == "T1"


def test_only_the_first_frame_of_a_cine_is_used(tmp_path: Path) -> None:
    found = read_instance(
        dicom(tmp_path / "a", NumberOfFrames=3, FrameTime="50", PixelData=bytes(16 * 20 * 2 * 3))
    )
    assert [frame.number for frame in found.frames] == [1]
    assert "multi_volume" in found.flags


def private(
    tmp_path: Path, manufacturer: str, *elements: tuple[int, str, object], **tags
) -> Header:
    """The header of a slice with the private elements of a vendor."""
    ds = dataset(1, Manufacturer=manufacturer, **tags)
    for tag, vr, value in elements:
        ds.add_new(tag, vr, value)
    return read_instance(write(tmp_path / "a", ds)).header


def test_private_b_values(tmp_path: Path) -> None:
    siemens = ((0x00190010, "LO", "SIEMENS MR HEADER"), (0x0019100C, "IS", "1000"))
    philips = ((0x20010010, "LO", "Philips Imaging DD 001"), (0x20011003, "FL", 800.0))
    assert private(tmp_path, "SIEMENS", *siemens).b_value == 1000
    assert private(tmp_path, "Philips Medical Systems", *philips).b_value == 800


GE_B_700 = (
    (0x00430010, "LO", "GEMS_PARM_01"),
    (0x00431039, "IS", ["1000000700", "8", "0", "0"]),
)
GE_ACQUISITION = (0x00190010, "LO", "GEMS_ACQU_01")


@pytest.mark.parametrize(
    ("elements", "tags", "b_value"),
    [
        ((), {"ScanningSequence": ["EP", "SE"]}, 700),
        ((), {"ScanningSequence": "SE", "ScanOptions": ["EPI_GEMS", "ACC_GEMS"]}, 700),
        ((GE_ACQUISITION, (0x001910E0, "DS", "25")), {}, 700),
        ((GE_ACQUISITION, (0x001910BC, "DS", "-0.7")), {}, 700),
        ((), {"SeriesDescription": "Ax DWI PROPELLER"}, 700),
        ((), {"SeriesDescription": "FSPGR 3D", "ScanningSequence": "GR"}, None),
        ((GE_ACQUISITION, (0x001910E0, "DS", "0"), (0x001910BB, "DS", "0")), {}, None),
        ((), {"SeriesDescription": "Ax T1 SE", "ScanningSequence": "SE"}, None),
    ],
)
def test_a_private_ge_b_value_requires_evidence_of_diffusion(
    tmp_path: Path, elements, tags, b_value
) -> None:
    header = private(tmp_path, "GE MEDICAL SYSTEMS", *GE_B_700, *elements, **tags)
    assert header.b_value == b_value


def test_contrast_agent(tmp_path: Path) -> None:
    def agent(**tags) -> bool | None:
        return read_instance(dicom(tmp_path / "a", **tags)).header.contrast_agent

    assert agent() is None
    assert agent(ContrastBolusAgent="GADOVIST") is True
    assert agent(ContrastBolusAgent="NONE") is False
    item = Dataset()
    item.CodeMeaning = "Gadolinium"
    assert agent(ContrastBolusAgentSequence=Sequence([item])) is True
    item.CodeMeaning = "No contrast"
    assert agent(ContrastBolusAgentSequence=Sequence([item])) is False


@pytest.mark.parametrize(
    ("description", "protocol", "agent", "stated"),
    [
        ("T1 tra KM+", "T1", "NONE", True),
        ("T1 tra nativ", "T1", "GADOVIST", False),
        ("T1 tra", "T1", "N/A", False),
        ("T1 tra", "t1_tra_+km", "", True),
        ("T1 tra", "t1_tra_ohne_km", "", False),
        ("T1 tra", "Kopf ohne KM", "", False),
        ("T1 tra", "t1_tra_km", "none", False),
        ("T1 tra", "BRAIN WITH CONTRAST", "", None),
        ("T1 tra", "BRAIN W/WO CONTRAST", "", None),
        ("T1 tra", "PRE OP BRAIN", "", None),
    ],
)
def test_precedence_of_contrast_information(
    tmp_path: Path, description, protocol, agent, stated
) -> None:
    found = read_instance(
        dicom(tmp_path / "a", SeriesDescription=description, ProtocolName=protocol,
              ContrastBolusAgent=agent)
    )  # fmt: skip
    assert found.header.contrast_agent is stated


def test_an_entry_is_read_by_path(tmp_path: Path) -> None:
    one = entry(dicom(tmp_path / "a"), r"root/caf\xe9")
    assert read_instance(tmp_path / "a", one.source).source == r"root/caf\xe9"


@pytest.mark.parametrize(
    ("coil", "part"),
    [
        ("HD TR Knee PA", "extremity"),
        ("TxRx_15Ch_Knee", "extremity"),
        ("Foot_Ankle_16", "extremity"),
        ("Breast_18", "chest"),
        ("8HRBRAIN", ""),
        ("HeadNeck_64", ""),
        ("Spine_32", ""),
    ],
)
def test_a_coil_for_one_body_part_names_it(tmp_path: Path, coil, part) -> None:
    found = read_instance(dicom(tmp_path / "a", ReceiveCoilName=coil))
    assert found.header.body_part == part
    said = read_instance(dicom(tmp_path / "a", ReceiveCoilName=coil, BodyPartExamined="HEAD"))
    assert said.header.body_part == "brain"  # a knee coil also takes the head of a newborn


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("PHANTOM^ACR", "phantom"),
        ("Fantom 1", "phantom"),
        ("FRUIT", "phantom"),
        ("QA^2", "phantom"),
        ("Agar^Ann", "brain"),
        ("Fruit^John", "brain"),
        ("Waters", "brain"),
    ],
)
def test_quality_checks_are_recognized_by_patient_name(tmp_path: Path, name, part) -> None:
    found = read_instance(dicom(tmp_path / "a", PatientName=name, BodyPartExamined="HEAD"))
    assert found.header.body_part == part
    assert "ACR" not in repr(found)


def test_a_very_long_text_is_cut(tmp_path: Path) -> None:
    ds = dataset(1, SeriesDescription=None)
    ds.add_new(0x0008103E, "UT", "T1 " * 1_000_000)
    found = read_instance(write(tmp_path / "a", ds))
    assert len(found.header.series_description) == 1024
    assert found.refusal is None


def test_cached_headers_equal_computed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(pydicom.__file__).parent / "data"
    entries = [entry(path) for path in sorted(folder.rglob("*")) if path.is_file()]
    cached = read_headers([*entries, *entries], CONTEXT)
    monkeypatch.setattr(Tags, "elements", lambda self, wanted: None)
    assert cached == read_headers(entries, CONTEXT) * 2
    assert sum(isinstance(found, Instance) for found in cached) > 50


def test_values_in_other_encodings_are_not_confused_by_the_cache() -> None:
    encoding = Encoding(implicit=False, little=True)
    for charset, expected in (("ISO_IR 192", "Schädel"), ("ISO_IR 100", "SchÃ¤del")):
        texts = {0x0008103E: "Schädel".encode(), 0x00080005: charset.encode()}
        tags = Tags({tag: Element("LO", text) for tag, text in texts.items()}, encoding)
        assert header_of(tags, "").series_description == expected


class _RecordedDataset(dict[int, Element]):
    def __init__(self, elements: dict[int, Element]) -> None:
        super().__init__(elements)
        self.requested: set[int] = set()

    def get(self, tag: int, default: Any = None) -> Any:
        self.requested.add(tag)
        return super().get(tag, default)


@pytest.mark.parametrize("vendor", [b"SIEMENS", b"GE MEDICAL SYSTEMS", b"Philips", b"UIH", b""])
def test_the_key_of_cached_headers_contains_every_element_used(vendor: bytes) -> None:
    dataset = _RecordedDataset(
        {0x00080070: Element("LO", vendor), 0x00431039: Element("IS", b"1000\\0")}
    )
    _header_of(Tags(dataset, Encoding(implicit=False, little=True)), "")
    by_frame = {SHARED_GROUPS, FRAME_GROUPS, 0x00080005}
    assert len(dataset.requested) > 25
    assert dataset.requested - by_frame <= set(_SERIES_LEVEL)


@pytest.mark.parametrize("spacing", [[0, 0], [1, 0], [-1, 1]])
def test_a_pixel_spacing_that_is_not_above_zero_is_flagged(
    tmp_path: Path, spacing: list[float]
) -> None:
    ds = dataset()
    ds.PixelSpacing = spacing
    found = read_instance(write(tmp_path / "lost", ds))
    assert "lost_spacing" in found.flags and found.frames[0].pixel_spacing is None
    ds.PixelSpacing = [0.5, 0.5]
    assert "lost_spacing" not in read_instance(write(tmp_path / "kept", ds)).flags
    del ds.PixelSpacing
    assert "lost_spacing" not in read_instance(write(tmp_path / "none", ds)).flags
