"""Parametric Map of the heat map of a series."""

import hashlib
from dataclasses import dataclass

import numpy as np
from highdicom import (
    PixelMeasuresSequence,
    PlaneOrientationSequence,
    PlanePositionSequence,
    VOILUTTransformation,
)
from highdicom.pm import ParametricMap, RealWorldValueMapping
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, ParametricMapStorage

from batchmri.outputs.dicom.attributes import BODY_PART, common, evidence, without_clock
from batchmri.outputs.dicom.facts import SeriesFacts, SliceReference, instance_uid, own_uid
from batchmri.outputs.dicom.kinds import ObjectKind
from batchmri.records import FloatArray, Vector

CLASS_ACTIVATION = Code("130403", "DCM", "Gradient-weighted class activation")
_NO_UNITS = Code("1", "UCUM", "no units")
_SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")
_LABEL = "HEAT_MAP"
_LO_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Plane:
    """One slice of a heat map: its values (rows, columns) as its source is stored, and its place.

    `position` is the center of the first pixel in mm.
    """

    values: FloatArray
    source: SliceReference
    position: Vector


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The heat map of a series; `shown` is the class that it belongs to.

    `orientation` contains the directions in which the column index and the row index increase.
    `spacing` is that of rows and columns, and of slices, in mm.
    """

    shown: str
    orientation: tuple[Vector, Vector]
    spacing: tuple[float, float, float]
    planes: tuple[Plane, ...]


def parametric_map(
    study_uid: str, series: SeriesFacts, heat: HeatMap, model_digest: str
) -> Dataset:
    """The heat map of a series, one frame per classified slice, which refers to its source.

    The values are 32-bit floating-point numbers. Equal maps have equal UIDs.
    """
    values = np.stack([plane.values for plane in heat.planes]).astype(np.float32, copy=False)
    low, high = float(min(values.min(), 0.0)), float(values.max())
    content = (
        model_digest, series, heat.shown, heat.orientation, heat.spacing,
        tuple((plane.source, plane.position) for plane in heat.planes),
        hashlib.sha256(values.tobytes()).hexdigest(),
    )  # fmt: skip
    identity = (study_uid, series.series_uid, series.part)
    image = ParametricMap(
        source_images=_sources(series, heat),
        pixel_array=values,
        series_instance_uid=own_uid("series", "pm", *identity),
        sop_instance_uid=instance_uid("pm", *content),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[
            RealWorldValueMapping(
                lut_label="Grad-CAM",
                lut_explanation="Gradient-weighted class activation, research use only",
                unit=_NO_UNITS,
                value_range=(low, high),
                slope=1.0,
                intercept=0.0,
                quantity_definition=CLASS_ACTIVATION,
            )
        ],
        voi_lut_transformations=[
            VOILUTTransformation(window_center=(low + high) / 2, window_width=high - low or 1.0)
        ],
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label=_LABEL,
        content_description=f"Heat map, research use only: {heat.shown}"[:_LO_LENGTH],
        pixel_measures=PixelMeasuresSequence(heat.spacing[:2], heat.spacing[2]),
        plane_orientation=PlaneOrientationSequence("PATIENT", _flat(heat)),
        plane_positions=[PlanePositionSequence("PATIENT", p.position) for p in heat.planes],
        **common(KIND, series.source.by_keyword, model_digest),
    )
    _refer_to_sources(image, heat)
    _name_dimensions(image, own_uid("dimensions", *identity))
    image.BodyPartExamined = BODY_PART
    return without_clock(image)


def _flat(heat: HeatMap) -> list[float]:
    return [*heat.orientation[0], *heat.orientation[1]]


def _sources(series: SeriesFacts, heat: HeatMap) -> list[Dataset]:
    """The source instances as single-frame images, with the geometry that highdicom requires.

    `_refer_to_sources` corrects the references to objects with several frames and to mosaics.
    """
    positions = {plane.source.instance_uid: plane.position for plane in reversed(heat.planes)}
    found = [ds for ds in evidence(series.source) if ds.SOPInstanceUID in positions]
    for ds in found:
        ds.SOPClassUID = MRImageStorage
        ds.ImagePositionPatient = list(positions[ds.SOPInstanceUID])
        ds.ImageOrientationPatient = _flat(heat)
        ds.PixelSpacing, ds.SliceThickness = list(heat.spacing[:2]), heat.spacing[2]
    return found


def _refer_to_sources(image: Dataset, heat: HeatMap) -> None:
    """Let each frame refer to the source slice at its position."""
    sop_class = heat.planes[0].source.sop_class
    for references in (
        image.SourceImageSequence,
        image.ReferencedSeriesSequence[0].ReferencedInstanceSequence,
    ):
        for reference in references:
            reference.ReferencedSOPClassUID = sop_class
    by_position = {_place(PlanePositionSequence("PATIENT", p.position)): p for p in heat.planes}
    for frame in image.PerFrameFunctionalGroupsSequence:
        plane = by_position[_place(frame.PlanePositionSequence)]
        source = Dataset()
        source.ReferencedSOPClassUID = plane.source.sop_class
        source.ReferencedSOPInstanceUID = plane.source.instance_uid
        if plane.source.frame is not None:
            source.ReferencedFrameNumber = plane.source.frame
        source.PurposeOfReferenceCodeSequence = [_item(_SOURCE_IMAGE)]
        source.SpatialLocationsPreserved = "YES"
        derivation = Dataset()
        derivation.DerivationCodeSequence = [_item(CLASS_ACTIVATION)]
        derivation.SourceImageSequence = [source]
        frame.DerivationImageSequence = [derivation]


def _place(positions: PlanePositionSequence) -> tuple[float, ...]:
    return tuple(float(value) for value in positions[0].ImagePositionPatient)


def _item(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code.value, code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def _name_dimensions(image: Dataset, uid: str) -> None:
    """Replace the random UID of the dimensions."""
    for item in (*image.DimensionIndexSequence, *image.DimensionOrganizationSequence):
        item.DimensionOrganizationUID = uid


KIND = ObjectKind(
    "pm",
    series_number=9804,
    description="batchmri heat map (research use only)",
    sop_class=ParametricMapStorage,
)
