"""DICOM as scanners write it: multi-frame, mosaics, volumes over time, incomplete headers."""

import struct
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from batchmri.archive.selection import select
from batchmri.reasons import Reason
from batchmri.records import Series
from batchmri.settings.selection import SelectionSettings
from tests.builders import dataset, dicom, is_accounted, read_instance, scan, write
from tests.formats.dicom.test_frames import enhanced, frame
from tests.formats.dicom.test_mosaic import MOSAIC, csa

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

MOSAIC_TYPE = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]


def _series(root: Path) -> list[Series]:
    studies, notes, walked = scan(root)
    assert is_accounted(studies, notes, walked) and not notes
    return [series for study in studies for series in study.series]


def _diffusion(z: float, b_value: float, time: int) -> Dataset:
    group = frame(z, time=time)
    diffusion = Dataset()
    diffusion.DiffusionBValue = b_value
    group.MRDiffusionSequence = Sequence([diffusion])
    return group


def _content(group: Dataset, stack: str, index: list[int]) -> Dataset:
    content = group.FrameContentSequence[0]
    content.StackID, content.DimensionIndexValues = stack, index
    content.InStackPositionNumber = index[-1]
    return group


def test_positions_order_slices_not_the_dimension_index(tmp_path: Path) -> None:
    groups = [_content(frame(z), "1", [1, n]) for n, z in ((3, 0.0), (1, 8.0), (2, 4.0))]
    enhanced(tmp_path / "r/e", groups)
    (series,) = _series(tmp_path / "r")
    assert [ref.frame for ref in series.slices] == [1, 3, 2]


def test_two_parallel_stacks_of_one_object_are_one_stack(tmp_path: Path) -> None:
    groups = [
        *(_content(frame(4.0 * n), "1", [1, n]) for n in range(5)),
        *(_content(frame(50 + 4.0 * n), "2", [2, n]) for n in range(5)),
    ]
    enhanced(tmp_path / "r/e", groups)
    (series,) = _series(tmp_path / "r")
    assert (series.n_slices, series.flags) == (10, ("gap",))


def test_b_values_of_one_object(tmp_path: Path) -> None:
    groups = [_diffusion(4.0 * n, b, t) for n in range(5) for t, b in ((1, 0), (2, 1000))]
    enhanced(tmp_path / "r/e", groups, SeriesDescription="ep2d")
    first, further = _series(tmp_path / "r")
    assert ("multi_volume" in first.flags, first.refusal) == (True, None)
    assert (further.refusal, further.detail) == (
        Reason.FURTHER_VOLUME,
        "b-value 1000, time point 2",
    )
    assert (first.n_files, further.n_files) == (1, 0)


def test_b_values_of_classic_slices(tmp_path: Path) -> None:
    for b_value in (0, 1000):
        for n in range(1, 7):
            dicom(tmp_path / f"r/{b_value}-{n}", n, DiffusionBValue=float(b_value),
                  SOPInstanceUID=f"1.2.{b_value}.{n}")  # fmt: skip
    first, further = _series(tmp_path / "r")
    assert (first.n_slices, first.n_files, first.refusal) == (6, 6, None)
    assert (further.n_files, further.refusal) == (6, Reason.FURTHER_VOLUME)


def test_a_concatenation_whose_files_are_named_out_of_order(tmp_path: Path) -> None:
    for number, name in ((1, "z"), (2, "a"), (3, "m")):
        groups = [frame(4.0 * (3 * number + k)) for k in range(3)]
        tags = {"ConcatenationUID": "1.2.9", "InConcatenationNumber": number}
        enhanced(tmp_path / f"r/{name}", groups, number, **tags)
    (series,) = _series(tmp_path / "r")
    assert [(ref.source[-1], ref.frame) for ref in series.slices] == [
        (name, k) for name in "zam" for k in (1, 2, 3)
    ]


def _xa(path: Path, groups: list[Dataset], **tags) -> Path:
    """An enhanced object of Numaris X, with the text MOSAIC in its Image Type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return enhanced(path, groups, ImageType=MOSAIC_TYPE, Manufacturer="Siemens Healthineers",
                    SoftwareVersions="syngo MR XA30", **tags)  # fmt: skip


def test_an_xa_mosaic_is_its_tiles(tmp_path: Path) -> None:
    groups = [frame(0.0)]
    measures = Dataset()
    measures.PixelSpacing, measures.SliceThickness = [3.0, 2.0], 4.0
    groups[0].PixelMeasuresSequence = Sequence([measures])
    path = _xa(tmp_path / "r/e", groups, Rows=30, Columns=60, PixelData=bytes(3600))
    ds = pydicom.dcmread(path)
    ds.add_new(0x00290010, "LO", "SIEMENS CSA HEADER")
    ds.add_new(0x00291010, "OB", csa(MOSAIC))
    write(path, ds)
    (series,) = _series(tmp_path / "r")
    assert (series.n_slices, series.rows, series.columns) == (5, 10, 20)
    assert (series.slice_spacing, series.pixel_spacing) == (4.0, (3.0, 2.0))
    assert [ref.tile and ref.tile[:2] for ref in series.slices] == [
        (0, 0), (0, 20), (0, 40), (10, 0), (10, 20)
    ]  # fmt: skip
    found = read_instance(path)
    assert found.frames[0].position == (-50.0 + 40.0, -50.0 + 30.0, 0.0)


def test_extracted_xa_slices_keep_mosaic_in_image_type(tmp_path: Path) -> None:
    _xa(tmp_path / "r/e", [frame(4.0 * n) for n in range(6)])
    (series,) = _series(tmp_path / "r")
    assert (series.n_slices, series.rows, series.refusal) == (6, 16, None)
    assert all(ref.tile is None for ref in series.slices)


@pytest.mark.parametrize("image_type", [None, "", ["ORIGINAL", "PRIMARY", "", ""], "\\\\", "M"])
def test_image_type_that_is_missing_or_has_gaps(tmp_path: Path, image_type) -> None:
    for n in range(1, 7):
        ds = dataset(n, ImageType=None, Manufacturer="GE MEDICAL SYSTEMS")
        if image_type is not None:
            ds.ImageType = image_type
        write(tmp_path / f"r/{n}", ds)
    (series,) = _series(tmp_path / "r")
    assert select(series, SelectionSettings()).wanted


def test_acquisitions_with_different_slices_are_one_stack(tmp_path: Path) -> None:
    """GE and Philips acquire the odd slices first, then the even ones."""
    for n in range(1, 9):
        dicom(tmp_path / f"r/{n}", n, AcquisitionNumber=1 + n % 2)
    (series,) = _series(tmp_path / "r")
    assert (series.n_slices, series.flags) == (8, ())


def test_acquisitions_that_repeat_the_slices_are_volumes(tmp_path: Path) -> None:
    for acquisition in (1, 2, 3):
        for n in range(1, 7):
            number = 10 * acquisition + n
            dicom(tmp_path / f"r/{number}", number, AcquisitionNumber=acquisition,
                  ImagePositionPatient=[-100.0, -100.0, 5.0 * n])  # fmt: skip
    studies, notes, walked = scan(tmp_path / "r")
    assert is_accounted(studies, notes, walked)
    (series,) = studies[0].series
    assert [ref.source for ref in series.slices] == [f"r/{n}" for n in range(11, 17)]
    assert (series.n_files, series.flags) == (18, ("multi_volume",))
    assert {note.reason for note in studies[0].left_out} == {Reason.FURTHER_VOLUME}
    assert len(studies[0].left_out) == 12


def test_philips_keeps_magnitude_and_phase_in_one_series(tmp_path: Path) -> None:
    for n in range(1, 7):
        for kind, step in (("M", 0), ("P", 10)):
            dicom(tmp_path / f"r/{kind}{n}", n + step, Manufacturer="Philips Medical Systems",
                  ImageType=["ORIGINAL", "PRIMARY", f"{kind}_FFE", kind, "FFE"],
                  ImagePositionPatient=[-100.0, -100.0, 5.0 * n])  # fmt: skip
    decisions = {
        s.header.image_type[2]: select(s, SelectionSettings()).reason
        for s in _series(tmp_path / "r")
    }
    assert decisions == {"M_FFE": None, "P_FFE": Reason.DERIVED}


def test_empty_and_multi_valued_tags(tmp_path: Path) -> None:
    for n in range(1, 7):
        ds = dataset(n, SeriesDescription="", EchoTime="", RepetitionTime=None, SeriesNumber="",
                     PatientID="", Manufacturer=["ACME", "Other"])  # fmt: skip
        ds.add_new(0x00180081, "DS", ["12", "90"])
        write(tmp_path / f"r/{n}", ds)
    (series,) = _series(tmp_path / "r")
    assert (series.n_slices, series.header.echo_time) == (6, 12.0)
    assert (series.header.series_description, series.header.series_number) == ("", None)
    assert series.sequence == "unknown" and select(series, SelectionSettings()).wanted


def _spliced(path: Path, element: bytes, before: bytes) -> Path:
    raw = path.read_bytes()
    at = raw.index(before)
    path.write_bytes(raw[:at] + element + raw[at:])
    return path


def test_values_of_odd_length(tmp_path: Path) -> None:
    odd = b"\x08\x00\x3e\x10LO" + struct.pack("<H", 5) + b"T1 SE"
    path = _spliced(dicom(tmp_path / "a", SeriesDescription=None), odd, b"\x10\x00\x20\x00LO")
    found = read_instance(path)
    assert (found.header.series_description, found.rows, found.refusal) == ("T1 SE", 16, None)


@pytest.mark.parametrize("vr", [b"ZZ", b"UN", b"LT", b"CS", b"  ", b"??", b"\0\0", b"lo"])
def test_a_vr_that_is_wrong_or_unknown(tmp_path: Path, vr: bytes) -> None:
    long = vr == b"UN"
    length = struct.pack("<HI", 0, 6) if long else struct.pack("<H", 6)
    element = b"\x08\x00\x3e\x10" + vr + length + b"T1 SE "
    path = _spliced(dicom(tmp_path / "a", SeriesDescription=None), element, b"\x10\x00\x20\x00LO")
    found = read_instance(path)
    assert (found.header.series_description, found.rows, found.refusal) == ("T1 SE", 16, None)


def test_a_meta_header_that_states_the_wrong_encoding(tmp_path: Path) -> None:
    ds = dataset(1)
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    raw = write(tmp_path / "a", ds).read_bytes()
    explicit = ExplicitVRLittleEndian.encode() + b"\0"
    implicit = ImplicitVRLittleEndian.encode() + b"\0"
    at = raw.index(implicit)
    lying = raw[: at - 2] + struct.pack("<H", len(explicit)) + explicit + raw[at + len(implicit) :]
    (tmp_path / "a").write_bytes(lying)
    assert read_instance(tmp_path / "a").rows == 16


@pytest.mark.parametrize(
    ("charset", "encoding", "text"),
    [
        ("ISO_IR 100", "latin-1", "T1 Schädel Größe"),
        ("ISO_IR 192", "utf-8", "T1 頭部 Kopf"),
        ("ISO_IR 144", "iso8859-5", "T1 голова"),
        ("ISO_IR 13", "shift_jis", "T1 ｱﾀﾏ"),
        ("GB18030", "gb18030", "T1 头部"),
        ("", "utf-8", "T1 tête"),
    ],
)
def test_character_sets(tmp_path: Path, charset: str, encoding: str, text: str) -> None:
    ds = dataset(1, SpecificCharacterSet=charset or None, SeriesDescription=None)
    raw = text.encode(encoding)
    element = b"\x08\x00\x3e\x10LO" + struct.pack("<H", len(raw)) + raw
    path = _spliced(write(tmp_path / "a", ds), element, b"\x10\x00\x20\x00LO")
    assert read_instance(path).header.series_description == text


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("\\ISO 2022 IR 87", b"\x1b$BG>\x1b(B T1\x1b$B6/D4\x1b(B", "脳 T1強調"),
        ("ISO 2022 IR 13\\ISO 2022 IR 87", b"\xb1\xc0\xcf \x1b$BG>\x1b(J T1", "ｱﾀﾏ 脳 T1"),
        ("\\ISO 2022 IR 159", b"T1 \x1b$(D0!\x1b(B", "T1 丂"),
        ("\\ISO 2022 IR 149", b"\x1b$)C\xb3\xfa T1", "뇌 T1"),
        ("\\ISO 2022 IR 149", b"T1\r\n\x1b$)C\xb3\xfa", "T1\r\n뇌"),
        ("\\ISO 2022 IR 58", b"\x1b$)A\xc4\xd4 T1", "脑 T1"),
        ("ISO 2022 IR 6\\ISO 2022 IR 100", b"Sch\x1b-A\xe4del", "Schädel"),
        ("\\ISO 2022 IR 144", b"T1 \x1b-L\xd3\xde\xdb\xde\xd2\xd0", "T1 голова"),
        ("ISO 2022 IR 100\\ISO 2022 IR 126", b"T\xeate \x1b-F\xea\xe5\xf6", "Tête κεφ"),
        ("GBK", "T1 头部".encode("gbk"), "T1 头部"),
        ("GB18030\\ISO 2022 IR 87", "T1 头部".encode("gb18030"), "T1 头部"),
        ("ISO IR 192", "T1 頭".encode(), "T1 頭"),
        ("ISO_IR 166 ", b"T1 \xca\xc1\xcd\xa7", "T1 สมอง"),
        ("", b"\x1b$BG>\x1b(B T1", "脳 T1"),
        ("ISO_IR 100", b"\x1b$BG>\x1b(B T1", "脳 T1"),
        ("ISO_IR 100", b"T1 \x1b[31m", "T1 \x1b[31m"),
        ("NO SUCH\0SET", b"T1", "T1"),
    ],
)
def test_character_sets_that_are_switched_by_escape_sequences(
    tmp_path: Path, charset: str, raw: bytes, text: str
) -> None:
    """PS3.5 6.1.2.5; the character set of an escape sequence is used even if it is not declared."""
    stated = charset.encode() + b" " * (len(charset) % 2)
    path = dicom(tmp_path / "a", SeriesDescription=None)
    element = b"\x08\x00\x05\x00CS" + struct.pack("<H", len(stated)) + stated
    path = _spliced(path, element, b"\x08\x00\x08\x00CS")
    element = b"\x08\x00\x3e\x10LO" + struct.pack("<H", len(raw)) + raw
    header = read_instance(_spliced(path, element, b"\x10\x00\x20\x00LO")).header
    assert header.series_description == text


def test_bytes_that_cannot_be_decoded_are_replaced(tmp_path: Path) -> None:
    element = b"\x08\x00\x3e\x10LO" + struct.pack("<H", 6) + b"T1\xff\xfe\x80 "
    ds = dataset(1, SpecificCharacterSet=["", "ISO 2022 IR 87"], SeriesDescription=None)
    path = _spliced(write(tmp_path / "a", ds), element, b"\x10\x00\x20\x00LO")
    found = read_instance(path)
    assert found.header.series_description.startswith("T1") and found.refusal is None
