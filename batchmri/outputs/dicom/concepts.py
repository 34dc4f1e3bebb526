"""Codes of the report: standard ones, those of the model card, and a private scheme."""

from collections.abc import Mapping
from importlib.metadata import version

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    DeviceObserverIdentifyingAttributes,
    ObserverContext,
)
from pydicom.sr.coding import Code

from batchmri.identifiers import OWN_NAME
from batchmri.outputs.dicom.facts import ClassCode, StudyFacts, own_uid
from batchmri.records import INDETERMINATE

PRIVATE_SCHEME = "99BATCHMRI"
"""Scheme for classes without a code in the model card, and for concepts without a standard code."""

NEOPLASM = Code("C3262", "NCIt", "Neoplasm")
PROBABILITY = Code("122157", "DCM", "Probability")
PERCENT = Code("%", "UCUM", "Percent")
FINDING = Code("121071", "DCM", "Finding")
PRESENCE = Code("121052", "DCM", "Presence of property")
PRESENT = Code("52101004", "SCT", "Present")
ABSENT = Code("2667000", "SCT", "Absent")
UNDETERMINED = Code("373068000", "SCT", "Undetermined")
YES = Code("373066001", "SCT", "Yes")
NO = Code("373067005", "SCT", "No")
BRAIN_MR = Code("24590-2", "LN", "MR Brain")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
DEVICE = CodedConcept("121007", "DCM", "Device")
SOURCE = Code("260753009", "SCT", "Source")
OF_INTEREST = Code("113000", "DCM", "Of Interest")
VERDICT_REASON = Code("verdict_reason", PRIVATE_SCHEME, "Reason for the verdict")
DECIDES_STUDY = Code("deciding_series", PRIVATE_SCHEME, "Decides the verdict of the study")


def class_concept(name: str, codes: Mapping[str, ClassCode]) -> CodedConcept:
    """The code of a class: that of the model card, or else one of the private scheme."""
    code = codes.get(name) or ClassCode(name, PRIVATE_SCHEME, name)
    return CodedConcept(code.value, code.scheme, code.meaning[:64])


def finding(verdict: str, study: StudyFacts) -> CodedConcept:
    """The finding of a verdict: a class, or Neoplasm if there is no tumor or its kind is open."""
    if verdict in study.classes.names and verdict != study.classes.no_tumor:
        return class_concept(verdict, dict(study.codes))
    return CodedConcept.from_code(NEOPLASM)


def presence(verdict: str, study: StudyFacts) -> Code:
    """Whether the finding of a verdict is present."""
    if verdict == INDETERMINATE:
        return UNDETERMINED
    return ABSENT if verdict == study.classes.no_tumor else PRESENT


def observer(model_digest: str) -> ObserverContext:
    """The observing device: batchmri with its model."""
    return ObserverContext(
        DEVICE,
        DeviceObserverIdentifyingAttributes(
            uid=own_uid("device", model_digest),
            name=OWN_NAME,
            manufacturer_name=OWN_NAME,
            model_name=OWN_NAME,
        ),
    )


def algorithm(model_digest: str) -> AlgorithmIdentification:
    """Identification of the classifier (TID 4019)."""
    return AlgorithmIdentification(
        name=OWN_NAME,
        version=version("batchmri"),
        parameters=[f"model sha256 {model_digest}"],
        family=ARTIFICIAL_INTELLIGENCE,
        manufacturer=OWN_NAME,
    )
