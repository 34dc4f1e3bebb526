"""Key Object Selection: the deciding slices of a study with a tumor verdict."""

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from batchmri.outputs.dicom import concepts
from batchmri.outputs.dicom.attributes import common, evidence, without_clock
from batchmri.outputs.dicom.facts import StudyFacts, instance_uid, series_uid
from batchmri.outputs.dicom.kinds import ObjectKind

_NOTE = "Slices that decided the verdict of batchmri. Research use only, not for diagnosis."


def key_object_selection(study: StudyFacts) -> Dataset | None:
    """Select the deciding slices of the deciding series; None without a tumor verdict."""
    series = study.decisive
    if not study.is_tumor(series.verdict):
        return None
    frames: dict[str, list[int]] = {}
    for ref in series.deciding:
        frames.setdefault(ref.instance_uid, []).extend([ref.frame] if ref.frame else [])
    selected = [ds for ds in evidence(series.source) if ds.SOPInstanceUID in frames]
    content = KeyObjectSelection(
        concepts.OF_INTEREST,
        selected,
        observer_device_context=concepts.observer(study.model_digest),
        description=_NOTE,
    )
    for item in content[0].ContentSequence:
        for reference in item.get("ReferencedSOPSequence", ()):
            if numbers := frames[reference.ReferencedSOPInstanceUID]:
                reference.ReferencedFrameNumber = sorted(numbers)
    arguments = common(KIND, series.source.by_keyword, study.model_digest)
    del arguments["content_qualification"]  # not part of this object
    document = KeyObjectSelectionDocument(
        evidence=selected,
        content=content,
        series_instance_uid=series_uid("kos", study),
        sop_instance_uid=instance_uid("kos", study),
        **arguments,
    )
    return without_clock(document)


KIND = ObjectKind(
    "kos",
    series_number=9803,
    description="batchmri key images (research use only)",
    sop_class=KeyObjectSelectionDocumentStorage,
    build=lambda study, montage: key_object_selection(study),
)
