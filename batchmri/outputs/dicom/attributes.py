"""Patient, study and equipment attributes of the objects, taken from a source instance."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.valuerep import DA, TM

from batchmri.identifiers import OWN_NAME, is_valid_uid
from batchmri.outputs.dicom.facts import SourceImage, SourceSeries
from batchmri.outputs.dicom.kinds import ObjectKind

STUDY_KEYWORDS = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes that the objects share with the source instance."""
SERIES_KEYWORDS = ("SeriesInstanceUID", "FrameOfReferenceUID")
_NO_DATE, _NO_TIME = "19000101", "000000"
_UTF8 = "ISO_IR 192"
_CLOCK = (
    "InstanceCreationDate", "InstanceCreationTime",
    "DateOfSecondaryCapture", "TimeOfSecondaryCapture",
)  # fmt: skip
BODY_PART = "BRAIN"
BRAIN = Code("12738006", "SCT", "Brain")


def _if_parsed(parse: Callable[[str], object]) -> Callable[[str], str]:
    def check(value: str) -> str:
        try:
            return value if parse(value) is not None else ""
        except (ValueError, OverflowError):
            return ""

    return check


def _uid(value: str) -> str:
    return value if is_valid_uid(value) else ""


_CHECKS: dict[str, Callable[[str], str]] = {
    "PatientBirthDate": _if_parsed(DA),
    "StudyDate": _if_parsed(DA),
    "StudyTime": _if_parsed(TM),
    "PatientSex": lambda value: value if value in ("M", "F", "O") else "",
    "StudyInstanceUID": _uid,
    "SeriesInstanceUID": _uid,
    "FrameOfReferenceUID": _uid,
}


def source_attributes(header: Dataset) -> tuple[tuple[str, str], ...]:
    """The attributes of a source instance that are copied to the objects, if they are valid."""
    found = []
    for keyword in (*STUDY_KEYWORDS, *SERIES_KEYWORDS):
        value = header.get(keyword)
        text = "" if value is None else str(value).strip("\0 ")
        found.append((keyword, _CHECKS[keyword](text) if keyword in _CHECKS else text))
    return tuple(found)


def evidence(series: SourceSeries) -> list[Dataset]:
    """A dataset for each source instance, as highdicom requires them."""
    return [_evidence(series.by_keyword, image) for image in series.images]


def _evidence(attributes: Mapping[str, str], image: SourceImage) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = _UTF8
    for keyword in STUDY_KEYWORDS:
        ds.add_new(keyword, dictionary_VR(keyword), attributes[keyword])
    ds.SeriesInstanceUID = attributes["SeriesInstanceUID"]
    if attributes["FrameOfReferenceUID"]:
        ds.FrameOfReferenceUID = attributes["FrameOfReferenceUID"]
    ds.SOPInstanceUID, ds.SOPClassUID = image.instance_uid, image.sop_class
    ds.Rows, ds.Columns = image.rows, image.columns
    ds.Modality = ""  # otherwise highdicom writes 18 items about the plane of every image
    return ds


def common(
    kind: ObjectKind, study_attributes: Mapping[str, str], model_digest: str
) -> dict[str, Any]:
    """Arguments that all objects have in common.

    The date of the content is that of the study, not of the run, so that the same results produce
    the same bytes.
    """
    return {
        "series_number": kind.series_number,
        "instance_number": 1,
        "manufacturer": OWN_NAME,
        "manufacturer_model_name": OWN_NAME,
        "software_versions": version("batchmri"),
        "device_serial_number": model_digest[:16],
        "series_description": kind.description,
        "content_date": study_attributes["StudyDate"] or _NO_DATE,
        "content_time": study_attributes["StudyTime"] or _NO_TIME,
        "content_qualification": "RESEARCH",
        "specific_character_set": _UTF8,
    }


def without_clock(ds: Dataset) -> Dataset:
    """Remove the times at which highdicom created the object."""
    for keyword in _CLOCK:
        if keyword in ds:
            delattr(ds, keyword)
    for item in ds.get("ContributingEquipmentSequence", ()):
        del item.ContributionDateTime
    return ds
