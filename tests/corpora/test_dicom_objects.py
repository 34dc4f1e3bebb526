"""Kinds of DICOM objects: accepted, or skipped with a reason that names the kind."""

from pathlib import Path

import pytest
from pydicom.fileset import FileSet
from pydicom.uid import generate_uid

from batchmri.archive.selection import select
from batchmri.reasons import Reason
from batchmri.settings.selection import SelectionSettings
from tests.builders import dataset, dicom, is_accounted, read_instance, scan, write

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

STORAGE = "1.2.840.10008.5.1.4.1.1."
MP4 = "1.2.840.10008.1.2.4.102"

WITHOUT_PIXELS = {
    "RT Structure Set": ("481.3", "RTSTRUCT"),
    "RT Plan": ("481.5", "RTPLAN"),
    "Comprehensive SR": ("88.33", "SR"),
    "Key Object Selection": ("88.59", "KO"),
    "Encapsulated PDF": ("104.1", "DOC"),
    "Raw Data": ("66", "MR"),
    "Spatial Registration": ("66.1", "REG"),
    "MR Spectroscopy": ("4.2", "MR"),
    "Grayscale Softcopy Presentation State": ("11.1", "PR"),
    "12-lead ECG Waveform": ("9.1.1", "ECG"),
}
WITH_PIXELS = {
    "Segmentation": ("66.4", "SEG"),
    "RT Dose": ("481.2", "RTDOSE"),
    "Parametric Map": ("30", "MR"),
    "Raw Data": ("66", "MR"),
    "Video Endoscopic Image": ("77.1.1.1", "ES"),
    "Video Photographic Image": ("77.1.4.1", "XC"),
}


@pytest.mark.parametrize("name", WITHOUT_PIXELS)
def test_objects_without_pixels_are_named_and_skipped(tmp_path: Path, name: str) -> None:
    end, modality = WITHOUT_PIXELS[name]
    path = dicom(tmp_path / "a", SOPClassUID=STORAGE + end, Modality=modality, PixelData=None)
    found = read_instance(path)
    assert found.refusal is Reason.NO_PIXEL_DATA
    assert found.detail.startswith(name), found.detail


@pytest.mark.parametrize("name", WITH_PIXELS)
def test_objects_that_are_not_an_image_are_named_and_skipped(tmp_path: Path, name: str) -> None:
    end, modality = WITH_PIXELS[name]
    found = read_instance(dicom(tmp_path / "a", SOPClassUID=STORAGE + end, Modality=modality))
    assert found.refusal is Reason.UNSUPPORTED_OBJECT
    assert found.detail.startswith(name), found.detail


def test_a_video_of_an_mr_is_named(tmp_path: Path) -> None:
    ds = dataset(1)
    ds.file_meta.TransferSyntaxUID = MP4
    ds.PixelData = b"\xfe\xff\x00\xe0" + bytes(4) + b"\xfe\xff\x00\xe0\x08\0\0\0" + bytes(8)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    found = read_instance(write(tmp_path / "a", ds))
    assert found.refusal is Reason.UNSUPPORTED_OBJECT and found.detail.startswith("video, MPEG-4")


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "YBR_ICT", "PALETTE COLOR"])
def test_color_and_palette_images(tmp_path: Path, photometric: str) -> None:
    found = read_instance(dicom(tmp_path / "a", PhotometricInterpretation=photometric))
    assert found.refusal is Reason.COLOR and photometric.startswith(found.detail)


@pytest.mark.parametrize("modality", ["CT", "PT", "US", "DX", "NM", "XA", "MG", "OT"])
def test_other_modalities(tmp_path: Path, modality: str) -> None:
    for number in range(1, 7):
        dicom(tmp_path / f"r/{number}", number, Modality=modality)
    studies, _, _ = scan(tmp_path / "r")
    decision = select(studies[0].series[0], SelectionSettings())
    assert (decision.reason, decision.detail) == (Reason.NOT_MR, modality)


def test_a_medium_with_its_directory(tmp_path: Path) -> None:
    """A DICOMDIR is ignored: the walk finds the files that it lists."""
    medium = FileSet()
    for number in range(1, 7):
        tags = {"PatientName": "A^B", "StudyDate": "20260101", "StudyTime": "1200", "StudyID": "1",
                "SOPInstanceUID": generate_uid(entropy_srcs=[str(number)])}  # fmt: skip
        medium.add(dataset(number, **tags))
    medium.write(tmp_path / "cd")
    studies, notes, walked = scan(tmp_path / "cd")
    assert is_accounted(studies, notes, walked) and walked == 7
    assert [(note.source, note.reason) for note in notes] == [("cd/DICOMDIR", Reason.DICOMDIR)]
    assert studies[0].series[0].n_slices == 6


def test_a_report_within_the_series_of_its_images(tmp_path: Path) -> None:
    for number in range(1, 7):
        dicom(tmp_path / f"r/{number}", number)
    dicom(tmp_path / "r/pr", 9, SOPClassUID=STORAGE + "11.1", Modality="PR", PixelData=None)
    studies, notes, walked = scan(tmp_path / "r")
    assert is_accounted(studies, notes, walked)
    (series,) = studies[0].series
    assert (series.n_slices, series.n_files, series.header.modality) == (6, 7, "MR")
    assert [note.reason for note in studies[0].left_out] == [Reason.NO_PIXEL_DATA]
