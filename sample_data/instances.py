"""DICOM objects of the sample data; the same input gives the same bytes."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from acquire import Picture, Stack
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    SecondaryCaptureImageStorage,
)

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "batchmri/sample_data")
_DATE = "20000101"


@dataclass(frozen=True, slots=True)
class Examination:
    """Patient and study attributes; all names and IDs are fictitious."""

    name: str  # of the study; its UIDs are derived from it
    patient_name: str
    patient_id: str

    def uid(self, *parts: object) -> UID:
        """A UID derived from the study and these parts; without parts, that of the study."""
        text = "/".join(map(str, (self.name, *parts)))
        return UID(f"2.25.{uuid.uuid5(_NAMESPACE, text).int}")

    def instance(self, sop_class: str, series: str, series_number: int, number: int) -> Dataset:
        """A dataset with the attributes of all objects: patient, study, series, SOP common."""
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.ImplementationClassUID = UID(f"2.25.{_NAMESPACE.int}")
        data.file_meta.ImplementationVersionName = "BATCHMRI_SAMPLE"
        data.SpecificCharacterSet = "ISO_IR 192"
        data.SOPClassUID = sop_class
        data.SOPInstanceUID = self.uid(series, number)
        data.StudyDate = data.SeriesDate = data.ContentDate = _DATE
        data.StudyTime = data.SeriesTime = data.ContentTime = "120000"
        data.AccessionNumber = ""
        data.Manufacturer = "batchmri phantom"
        data.ManufacturerModelName = "simulated"
        data.ReferringPhysicianName = ""
        data.StudyDescription = "MADE UP HEAD"
        data.PatientName = self.patient_name
        data.PatientID = self.patient_id
        data.PatientBirthDate = ""
        data.PatientSex = ""
        data.StudyInstanceUID = self.uid()
        data.SeriesInstanceUID = self.uid(series)
        data.StudyID = "1"
        data.SeriesNumber = series_number
        data.InstanceNumber = number
        return data


def save(data: Dataset, path: Path) -> None:
    """Write a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def compress(data: Dataset) -> Dataset:
    """Compress an object with lossless JPEG 2000."""
    data.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    return data


def _patient(vector: object) -> list[float]:
    """Convert RAS+ to the LPS of DICOM, rounded to the length of a decimal string."""
    x, y, z = np.asarray(vector, dtype=float)
    return [round(float(value), 5) + 0.0 for value in (-x, -y, z)]


def _mr_slice(
    examination: Examination,
    series: tuple[str, int],
    number: int,
    picture: Picture,
    stack: Stack,
    index: int,
) -> Dataset:
    """A T1-weighted spin echo slice; `series` is the name and number of its series."""
    data = examination.instance(MRImageStorage, *series, number)
    data.Modality = "MR"
    data.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
    data.AcquisitionDate = _DATE
    data.BodyPartExamined = "HEAD"
    data.ScanningSequence = "SE"
    data.SequenceVariant = "NONE"
    data.ScanOptions = ""
    data.MRAcquisitionType = "2D"
    data.MagneticFieldStrength = 1.5
    data.RepetitionTime = 520
    data.EchoTime = 11
    data.FlipAngle = 90
    data.EchoTrainLength = 1
    data.SliceThickness = stack.thickness
    data.SpacingBetweenSlices = stack.spacing
    data.PatientPosition = "HFS"
    data.FrameOfReferenceUID = examination.uid("frame of reference")
    data.PositionReferenceIndicator = ""
    data.ImagePositionPatient = _patient(stack.position(index))
    data.ImageOrientationPatient = _patient(stack.row) + _patient(stack.column)
    data.SliceLocation = round(float(np.dot(stack.position(index), stack.normal)), 3)
    data.ImageComments = "Made up from the MNI152 template, no patient"
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = picture.shape
    data.PixelSpacing = [stack.pixel, stack.pixel]
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelRepresentation = 0
    data.BurnedInAnnotation = "NO"
    data.WindowCenter, data.WindowWidth = 850, 1700
    data.PixelData = picture.astype("<u2").tobytes()
    return data


def t1_after_contrast(
    examination: Examination, number: int, picture: Picture, stack: Stack, index: int
) -> Dataset:
    """A slice of the series that a scan classifies."""
    data = _mr_slice(examination, ("t1-post", 4), number, picture, stack, index)
    data.SeriesDescription = "AX T1 POST"
    data.ProtocolName = "AX T1 SE"
    data.ContrastBolusAgent = "GADOLINIUM, SIMULATED"
    return data


def localizer(examination: Examination, number: int, picture: Picture, stack: Stack) -> Dataset:
    """One of the three localizer images, which are used to plan the slices."""
    data = _mr_slice(examination, ("localizer", 1), number, picture, stack, 0)
    data.SeriesDescription = "3-PLANE LOC"
    data.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    data.ScanningSequence = "GR"
    data.RepetitionTime, data.EchoTime, data.FlipAngle = 9, 3.5, 30
    return data


def _code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = scheme
    code.CodeMeaning = meaning
    return [code]


def report(examination: Examination, text: str) -> Dataset:
    """A Basic Text structured report (PS3.3 A.35.1) of one sentence."""
    data = examination.instance(BasicTextSRStorage, "report", 9, 1)
    data.Modality = "SR"
    data.SeriesDescription = "REPORT"
    data.ReferencedPerformedProcedureStepSequence = []
    data.PerformedProcedureCodeSequence = []
    data.CompletionFlag = "COMPLETE"
    data.VerificationFlag = "UNVERIFIED"
    data.ValueType = "CONTAINER"
    data.ConceptNameCodeSequence = _code("18748-4", "LN", "Diagnostic imaging report")
    data.ContinuityOfContent = "SEPARATE"
    finding = Dataset()
    finding.RelationshipType = "CONTAINS"
    finding.ValueType = "TEXT"
    finding.ConceptNameCodeSequence = _code("121071", "DCM", "Finding")
    finding.TextValue = text
    section = Dataset()
    section.RelationshipType = "CONTAINS"
    section.ValueType = "CONTAINER"
    section.ConceptNameCodeSequence = _code("121070", "DCM", "Findings")
    section.ContinuityOfContent = "SEPARATE"
    section.ContentSequence = [finding]
    data.ContentSequence = [section]
    return data


def screenshot(examination: Examination, picture: Picture) -> Dataset:
    """A slice in false color, as a workstation exports it."""
    gray = np.clip(picture / 1700, 0, 1)[..., None]
    color = np.concatenate([gray, gray**1.6, gray**3], axis=2)
    data = examination.instance(SecondaryCaptureImageStorage, "screenshot", 99, 1)
    data.Modality = "OT"
    data.ConversionType = "WSD"
    data.SeriesDescription = "SCREEN SAVE"
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.PatientOrientation = ""
    data.BurnedInAnnotation = "YES"
    data.SamplesPerPixel = 3
    data.PhotometricInterpretation = "RGB"
    data.PlanarConfiguration = 0
    data.Rows, data.Columns = picture.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
    data.PixelRepresentation = 0
    data.PixelData = np.rint(255 * color).astype(np.uint8).tobytes()
    return data
