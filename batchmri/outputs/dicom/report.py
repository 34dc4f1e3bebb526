"""Structured report of a study: Comprehensive 3D SR, TID 1500."""

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    Comprehensive3DSR,
    ContainerContentItem,
    ContentSequence,
    FindingSite,
    ImageContentItem,
    ImageLibraryEntryDescriptors,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage

from batchmri.outputs.dicom import concepts
from batchmri.outputs.dicom.attributes import BRAIN, common, evidence, without_clock
from batchmri.outputs.dicom.facts import (
    SeriesFacts,
    SliceReference,
    StudyFacts,
    instance_uid,
    own_uid,
    series_uid,
)
from batchmri.outputs.dicom.kinds import ObjectKind


def structured_report(study: StudyFacts) -> Dataset:
    """One measurement group per classified series, with its verdict and probabilities."""
    sources = [ds for series in study.series for ds in evidence(series.source)]
    content = MeasurementReport(
        observation_context=ObservationContext(
            observer_device_context=concepts.observer(study.model_digest)
        ),
        procedure_reported=concepts.BRAIN_MR,
        imaging_measurements=[_group(series, study) for series in study.series],
    )
    measurements = content[0].ContentSequence.pop()
    content[0].ContentSequence.extend([_image_library(study), measurements])
    report = Comprehensive3DSR(
        evidence=_unique(sources),
        content=content[0],
        series_instance_uid=series_uid("sr", study),
        sop_instance_uid=instance_uid("sr", study),
        is_complete=True,
        coding_schemes=[
            CodingSchemeIdentificationItem(
                concepts.PRIVATE_SCHEME,
                name="Classes and reasons of batchmri",
                responsible_organization="batchmri",
            )
        ],
        **common(KIND, study.decisive.source.by_keyword, study.model_digest),
    )
    return without_clock(report)


def _image_library(study: StudyFacts) -> ContainerContentItem:
    """The source instances (TID 1600), with the properties that those of a series share."""
    library = _container(codes.DCM.ImageLibrary)
    for series in study.series:
        images = _unique(evidence(series.source))
        group = _container(codes.DCM.ImageLibraryGroup)
        group.ContentSequence.extend(ImageLibraryEntryDescriptors(images[0]))
        group.ContentSequence.extend(
            ImageContentItem(
                concepts.SOURCE,
                ds.SOPClassUID,
                ds.SOPInstanceUID,
                relationship_type=RelationshipTypeValues.CONTAINS,
            )
            for ds in images
        )
        library.ContentSequence.append(group)
    return library


def _container(name: Code) -> ContainerContentItem:
    container = ContainerContentItem(name, relationship_type=RelationshipTypeValues.CONTAINS)
    container.ContentSequence = ContentSequence()
    return container


def _unique(sources: list[Dataset]) -> list[Dataset]:
    # Parts of one series, and mosaics, refer to the same instance.
    return list({str(ds.SOPInstanceUID): ds for ds in sources}.values())


def _group(series: SeriesFacts, study: StudyFacts) -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=own_uid("tracking", study.study_uid, series.series_uid, series.part),
            identifier=_tracking_name(series),
        ),
        finding_type=concepts.finding(series.verdict, study),
        algorithm_id=concepts.algorithm(study.model_digest),
        finding_sites=[FindingSite(BRAIN)],
        measurements=[] if series.reason.is_outside else _probabilities(series, study),
        qualitative_evaluations=[
            QualitativeEvaluation(concepts.PRESENCE, concepts.presence(series.verdict, study)),
            QualitativeEvaluation(concepts.VERDICT_REASON, _reason(series)),
            QualitativeEvaluation(
                concepts.DECIDES_STUDY, concepts.YES if series.decides_study else concepts.NO
            ),
        ],
        source_images=[
            SourceImageForMeasurementGroup(
                ref.sop_class, ref.instance_uid, [ref.frame] if ref.frame else None
            )
            for ref in _merged(series.deciding)
        ],
    )


def _merged(references: tuple[SliceReference, ...]) -> list[SliceReference]:
    return list(dict.fromkeys(references))


def _tracking_name(series: SeriesFacts) -> str:
    number = "" if series.number is None else f" {series.number}"
    return f"batchmri series{number}" + (f" part {series.part}" if series.part else "")


def _reason(series: SeriesFacts) -> CodedConcept:
    return CodedConcept(series.reason, concepts.PRIVATE_SCHEME, series.reason.words[:64])


def _probabilities(series: SeriesFacts, study: StudyFacts) -> list[Measurement]:
    """The probability of any tumor, and of each class."""
    neoplasm = CodedConcept.from_code(concepts.NEOPLASM)
    found = [_probability(neoplasm, series.tumor_percentage)]
    codes = dict(study.codes)
    for name, value in zip(study.classes.names, series.percentages, strict=True):
        found.append(_probability(concepts.class_concept(name, codes), value))
    return found


def _probability(of: CodedConcept, percentage: float) -> Measurement:
    measurement = Measurement(concepts.PROBABILITY, percentage, concepts.PERCENT)
    modifier = CodeContentItem(concepts.FINDING, of, RelationshipTypeValues.HAS_CONCEPT_MOD)
    measurement[0].ContentSequence = ContentSequence([modifier])
    return measurement


KIND = ObjectKind(
    "sr",
    series_number=9801,
    description="batchmri report (research use only)",
    sop_class=Comprehensive3DSRStorage,
    build=lambda study, montage: structured_report(study),
)
