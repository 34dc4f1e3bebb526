"""DICOM objects: valid for dciodvfy, and with the values of the tables."""

import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from batchmri.extensions import DICOM_OBJECTS
from batchmri.formats.dicom.sop_classes import is_own
from batchmri.outputs.dicom import attributes
from batchmri.outputs.dicom.capture import secondary_capture, with_note
from batchmri.outputs.dicom.facts import StudyFacts
from batchmri.outputs.dicom.key_images import key_object_selection
from batchmri.outputs.dicom.report import structured_report
from batchmri.reasons import VerdictReason
from batchmri.records import INDETERMINATE
from tests.outputs.dicom.facts import header, series, study, verdict
from tests.outputs.dicom.validity import dciodvfy_errors, program, save


def png(rows: int = 90, columns: int = 500) -> bytes:
    picture = np.zeros((rows, columns, 3), np.uint8)
    picture[..., 2] = 200  # red, in the order of OpenCV
    done, encoded = cv2.imencode(".png", picture)
    assert done
    return encoded.tobytes()


def objects(facts: StudyFacts) -> dict[str, Dataset]:
    built = {
        "sr": structured_report(facts),
        "sc": secondary_capture(facts, png()),
        "kos": key_object_selection(facts),
    }
    return {kind: ds for kind, ds in built.items() if ds is not None}


def items(ds: Dataset, meaning: str) -> list[Dataset]:
    """All content items with this concept name, at any depth."""
    found = []
    for item in ds.get("ContentSequence", ()):
        if item.ConceptNameCodeSequence[0].CodeMeaning == meaning:
            found.append(item)
        found += items(item, meaning)
    return found


def codes(found: list[Dataset]) -> list[tuple[str, str]]:
    concepts = [item.ConceptCodeSequence[0] for item in found]
    return [(c.get("CodeValue") or c.LongCodeValue, c.CodingSchemeDesignator) for c in concepts]


def referenced(found: list[Dataset]) -> list[str]:
    return [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in found]


@pytest.mark.parametrize(
    "facts",
    [
        study(),
        study(series(frames=True)),
        study(series(verdict(INDETERMINATE, VerdictReason.OUT_OF_DISTRIBUTION))),
        study(series(verdict("notumor", VerdictReason.NO_TUMOR)), series()),
        study(series(PatientName="", PatientSex="Male", StudyDate="2024-05-06", StudyTime="")),
    ],
    ids=["tumor", "frames", "outside", "two series", "bad header"],
)
def test_objects_are_valid_and_recognized_as_own(tmp_path: Path, facts: StudyFacts) -> None:
    for kind, ds in objects(facts).items():
        path = save(ds, tmp_path / f"{kind}.dcm")
        assert dciodvfy_errors(path) == [], kind
        again = dcmread(path)
        assert is_own(again.Manufacturer, again.ManufacturerModelName, again.SOPInstanceUID)
        assert again.SeriesNumber == DICOM_OBJECTS.load(kind).series_number
        assert "research" in again.SeriesDescription


def test_dcmtk_reads_the_report(tmp_path: Path) -> None:
    path = save(structured_report(study()), tmp_path / "sr.dcm")
    done = subprocess.run([program("dsrdump"), str(path)], capture_output=True, check=True)
    text = done.stdout.decode()
    assert '"Finding")=(C3059,NCIt,"Glioma")' in text
    assert '"Presence of property")=(52101004,SCT,"Present")' in text
    assert '"Algorithm Parameters")="model sha256 abab' in text
    assert done.stderr.decode().replace("W: The VR checker", "").count("E:") == 0


def test_patient_and_study_are_those_of_the_source() -> None:
    for ds in objects(study()).values():
        assert ds.PatientName == "Müller^Eva"
        assert (ds.PatientID, ds.AccessionNumber, ds.PatientSex) == ("P-17", "A1", "F")
        assert ds.StudyInstanceUID == "1.2.3"
        assert str(ds.StudyDate).strip('"') == "20240506"
        assert ds.SeriesInstanceUID != "1.2.3.4"


def test_probabilities_in_the_report_are_those_of_the_tables() -> None:
    report = structured_report(study())
    found = {
        codes(items(item, "Finding"))[0]: float(item.MeasuredValueSequence[0].NumericValue)
        for item in items(report, "Probability")
    }
    assert found == {
        ("C3262", "NCIt"): 97.0,
        ("C3059", "NCIt"): 91.44,
        ("C3230", "NCIt"): 5.0,
        ("notumor", "99BATCHMRI"): 3.0,
        ("pituitary", "99BATCHMRI"): 0.56,
    }
    units = {
        item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue
        for item in items(report, "Probability")
    }
    assert units == {"%"}


@pytest.mark.parametrize(
    ("name", "reason", "finding", "presence"),
    [
        ("meningioma", VerdictReason.TUMOR, ("C3230", "NCIt"), "Present"),
        ("pituitary", VerdictReason.TUMOR, ("pituitary", "99BATCHMRI"), "Present"),
        ("tumor", VerdictReason.TUMOR, ("C3262", "NCIt"), "Present"),
        ("notumor", VerdictReason.NO_TUMOR, ("C3262", "NCIt"), "Absent"),
        (INDETERMINATE, VerdictReason.BETWEEN_THRESHOLDS, ("C3262", "NCIt"), "Undetermined"),
    ],
)
def test_finding_and_presence_of_a_verdict(
    name: str, reason: VerdictReason, finding: tuple[str, str], presence: str
) -> None:
    report = structured_report(study(series(verdict(name, reason))))
    (group,) = items(report, "Measurement Group")
    assert codes(items(group, "Finding"))[0] == finding
    (found,) = items(group, "Presence of property")
    assert found.ConceptCodeSequence[0].CodeMeaning == presence
    assert codes(items(group, "Reason for the verdict")) == [(reason, "99BATCHMRI")]
    assert codes(items(group, "Finding Site")) == [("12738006", "SCT")]


def test_a_series_that_the_model_cannot_evaluate_has_no_probabilities() -> None:
    outside = verdict(INDETERMINATE, VerdictReason.OTHER_SEQUENCE)
    report = structured_report(study(series(), series(outside)))
    first, second = items(report, "Measurement Group")
    assert (len(items(first, "Probability")), items(second, "Probability")) == (5, [])
    decides = [codes(items(group, "Decides the verdict of the study")) for group in (first, second)]
    assert decides == [[("373066001", "SCT")], [("373067005", "SCT")]]


def test_deciding_slices_are_referenced_and_all_instances_are_in_the_library() -> None:
    report = structured_report(study())
    (library,) = items(report, "Image Library")
    assert referenced(items(library, "Source")) == [f"1.2.3.4.{k}" for k in range(1, 7)]
    deciding = items(report, "Source of Measurement")
    assert referenced(deciding) == ["1.2.3.4.2", "1.2.3.4.3", "1.2.3.4.4"]
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert len(evidence.ReferencedSOPSequence) == 6


def test_frames_are_referenced_by_their_numbers() -> None:
    facts = study(series(frames=True))
    found = items(structured_report(facts), "Source of Measurement")
    assert [item.ReferencedSOPSequence[0].ReferencedFrameNumber for item in found] == [2, 3, 4]
    selection = key_object_selection(facts)
    assert selection is not None
    (image,) = items(selection, "Source")
    assert list(image.ReferencedSOPSequence[0].ReferencedFrameNumber) == [2, 3, 4]


def test_only_tumor_verdicts_have_key_images() -> None:
    selection = key_object_selection(study())
    assert selection is not None
    assert referenced(items(selection, "Source")) == ["1.2.3.4.2", "1.2.3.4.3", "1.2.3.4.4"]
    for name, reason in (
        ("notumor", VerdictReason.NO_TUMOR),
        (INDETERMINATE, VerdictReason.BETWEEN_THRESHOLDS),
    ):
        assert key_object_selection(study(series(verdict(name, reason)))) is None
    assert key_object_selection(study(series(verdict("tumor")))) is not None


def test_the_montage_has_the_note_burned_in() -> None:
    capture = secondary_capture(study(), png())
    pixels = capture.pixel_array
    assert (pixels.shape, capture.BurnedInAnnotation) == ((126, 500, 3), "YES")
    assert pixels[-1, 0].tolist() == [200, 0, 0]  # red stays red
    strip = with_note(png())[:36]
    assert strip.max() > 200 and np.array_equal(pixels[:36], strip)


def test_equal_results_have_equal_bytes_and_uids(tmp_path: Path) -> None:
    for kind in ("sr", "sc", "kos"):
        first, second = (
            save(objects(study())[kind], tmp_path / name).read_bytes() for name in ("a", "b")
        )
        assert first == second, kind


def test_another_result_has_another_uid_in_the_same_series() -> None:
    other = study(series(verdict(probabilities=(0.9, 0.06, 0.03, 0.01))))
    for first, second in (
        (structured_report(study()), structured_report(other)),
        (structured_report(study()), structured_report(replace(study(), model_digest="cd" * 32))),
        (secondary_capture(study(), png()), secondary_capture(study(), png(91))),
    ):
        assert first.SOPInstanceUID != second.SOPInstanceUID
        assert first.SeriesInstanceUID == second.SeriesInstanceUID


def test_invalid_values_of_a_source_header_are_left_out() -> None:
    found = dict(attributes.source_attributes(header(PatientSex="Male", StudyDate="yesterday")))
    assert (found["PatientSex"], found["StudyDate"], found["PatientID"]) == ("", "", "P-17")
