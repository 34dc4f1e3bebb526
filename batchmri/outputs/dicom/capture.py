"""Secondary Capture of the montage of a study."""

import hashlib

import cv2
import numpy as np
from highdicom import UID
from highdicom.sc import SCImage
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from batchmri.outputs import drawing
from batchmri.outputs.dicom.attributes import BODY_PART, common, evidence, without_clock
from batchmri.outputs.dicom.facts import StudyFacts, instance_uid, series_uid
from batchmri.outputs.dicom.kinds import ObjectKind

NOTE = "Research use only, not for diagnosis"
_STRIP, _LEFT, _BASELINE, _SIZE = 36, 12, 25, 20


def secondary_capture(study: StudyFacts, montage: bytes) -> Dataset:
    """The montage (PNG) below a line that says "research use only", as an RGB image."""
    series = study.decisive
    attributes = series.source.by_keyword
    image = SCImage.from_ref_dataset(
        ref_dataset=evidence(series.source)[0],
        pixel_array=with_note(montage),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=series_uid("sc", study),
        sop_instance_uid=instance_uid("sc", study, hashlib.sha256(montage).hexdigest()),
        patient_orientation=("L", "P"),
        transfer_syntax_uid=UID(ExplicitVRLittleEndian),
        **common(KIND, attributes, study.model_digest),
    )
    # The panels have different planes, so no single orientation is right.
    image.PatientOrientation = []
    image.BodyPartExamined = BODY_PART
    image.BurnedInAnnotation = "YES"
    image.ImageComments = NOTE
    return without_clock(image)


def with_note(montage: bytes) -> drawing.Image:
    """The pixels (rows, columns, RGB) of a PNG below a strip with the note."""
    picture = cv2.imdecode(np.frombuffer(montage, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    canvas = drawing.black(picture.shape[0] + _STRIP, picture.shape[1])
    drawing.text(canvas, NOTE, (_LEFT, _BASELINE), _SIZE, weight=drawing.BOLD)
    drawing.place(canvas, picture.astype(np.uint8, copy=False), _STRIP, 0)
    return canvas


KIND = ObjectKind(
    "sc",
    series_number=9802,
    description="batchmri montage (research use only)",
    sop_class=SecondaryCaptureImageStorage,
    build=lambda study, montage: secondary_capture(study, montage) if montage else None,
)
