"""Parametric Map: the heat map of the shown class over a series."""

import hashlib

import numpy as np
from highdicom import PixelMeasuresSequence, PlaneOrientationSequence, PlanePositionSequence
from highdicom.pm import ParametricMap, RealWorldValueMapping
from pydicom.dataset import Dataset

from batchmri.outputs.dicom import concepts
from batchmri.outputs.dicom.attributes import BODY_PART, common, evidence, without_clock
from batchmri.outputs.dicom.facts import (
    HeatMap,
    SeriesFacts,
    StudyFacts,
    instance_uid,
    own_uid,
)

_PATIENT = "PATIENT"


def parametric_map(study: StudyFacts, series: SeriesFacts, heat: HeatMap) -> Dataset:
    """The heat map in the space of the source images, in logits, as 32-bit floats."""
    values = np.ascontiguousarray(heat.values, np.float32)
    digest = hashlib.sha256(values.tobytes()).hexdigest()
    largest = max(float(values.max()), 1.0)
    sources = _with_geometry(evidence(series.source), heat)
    image = ParametricMap(
        source_images=sources,
        pixel_array=values,
        series_instance_uid=own_uid("series", "pm", study.study_uid, series.series_uid, series.part),
        sop_instance_uid=instance_uid("pm", study, series, digest),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[
            RealWorldValueMapping(
                lut_label="GRADCAM",
                lut_explanation=f"Grad-CAM of class {heat.class_name}, in logits",
                unit=concepts.NO_UNITS,
                value_range=(0.0, largest),
                slope=1.0,
                intercept=0.0,
                quantity_definition=concepts.CLASS_ACTIVATION,
            )
        ],
        window_center=largest / 2,
        window_width=largest,
        pixel_measures=PixelMeasuresSequence(heat.pixel_spacing, heat.slice_spacing),
        plane_orientation=PlaneOrientationSequence(
            _PATIENT, [*heat.orientation[0], *heat.orientation[1]]
        ),
        plane_positions=[PlanePositionSequence(_PATIENT, p) for p in heat.positions],
        content_label="GRADCAM",
        **common("pm", series.source.by_keyword, study.model_digest),
    )
    image.BodyPartExamined = BODY_PART
    return without_clock(image)
