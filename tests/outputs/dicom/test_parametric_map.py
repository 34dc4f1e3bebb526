"""Parametric Maps: valid, with the values and the places of the heat map."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from batchmri.formats.dicom.sop_classes import is_own
from batchmri.outputs.dicom.facts import SeriesFacts, SliceReference
from batchmri.outputs.dicom.parametric_map import HeatMap, Plane, parametric_map
from batchmri.records import Vector
from tests.outputs.dicom.facts import ENHANCED_MR, MR, series
from tests.outputs.dicom.validity import dciodvfy_errors, save

TILTED: tuple[Vector, Vector] = ((0.0, 1.0, 0.0), (0.6, 0.0, -0.8))
VALUES = np.random.default_rng(0).normal(1, 3, (6, 64, 48)).astype(np.float32)


def heat_map(*, frames: bool = False, step: float = 5.0, n: int = 6) -> HeatMap:
    def source(k: int) -> SliceReference:
        return (
            SliceReference("1.2.3.4.1", ENHANCED_MR, k + 1)
            if frames
            else SliceReference(f"1.2.3.4.{k + 1}", MR, None)
        )

    planes = [Plane(VALUES[k], source(k), (step * k, 0.1, 1 / 3)) for k in range(n)]
    return HeatMap("glioma", TILTED, (0.9, 1.1, abs(step)), tuple(planes))


def built(facts: SeriesFacts, heat: HeatMap) -> Dataset:
    return parametric_map("1.2.3", facts, heat, "ab" * 32)


@pytest.mark.parametrize("step", [5.0, -5.0], ids=["along the normal", "against the normal"])
@pytest.mark.parametrize("frames", [False, True], ids=["files", "frames"])
def test_a_frame_has_the_values_of_the_slice_that_it_refers_to(
    tmp_path: Path, frames: bool, step: float
) -> None:
    heat = heat_map(frames=frames, step=step)
    path = save(built(series(frames=frames), heat), tmp_path / "pm.dcm")
    assert dciodvfy_errors(path) == []
    image = dcmread(path)
    values = image.pixel_array
    assert (values.dtype, values.shape) == (np.float32, VALUES.shape)
    seen = set()
    for shown, frame in zip(values, image.PerFrameFunctionalGroupsSequence, strict=True):
        (source,) = frame.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedSOPClassUID == (ENHANCED_MR if frames else MR)
        instance = source.ReferencedSOPInstanceUID
        number = source.ReferencedFrameNumber if frames else int(instance.rpartition(".")[2])
        plane = heat.planes[number - 1]
        assert source.ReferencedSOPInstanceUID == plane.source.instance_uid
        np.testing.assert_array_equal(shown, plane.values)
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        np.testing.assert_allclose([float(x) for x in position], plane.position, atol=1e-6)
        seen.add(number)
    assert seen == set(range(1, 7))
    (shared,) = image.SharedFunctionalGroupsSequence
    orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    assert [float(x) for x in orientation] == [*TILTED[0], *TILTED[1]]
    measures = shared.PixelMeasuresSequence[0]
    assert [float(x) for x in measures.PixelSpacing] == [0.9, 1.1]


def test_the_values_are_declared_as_class_activation_for_research() -> None:
    image = built(series(), heat_map())
    (shared,) = image.SharedFunctionalGroupsSequence
    (mapping,) = shared.RealWorldValueMappingSequence
    (quantity,) = mapping.QuantityDefinitionSequence
    (code,) = quantity.ConceptCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("130403", "DCM")
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
    assert mapping.DoubleFloatRealWorldValueLastValueMapped == pytest.approx(VALUES.max())
    assert "research use only" in image.SeriesDescription
    assert image.ContentQualification == "RESEARCH"
    assert image.ContentDescription == "Heat map, research use only: glioma"
    assert (image.BodyPartExamined, image.PatientID) == ("BRAIN", "P-17")
    assert is_own(image.Manufacturer, image.ManufacturerModelName, image.SOPInstanceUID)


def test_equal_maps_have_equal_bytes_and_other_maps_other_uids(tmp_path: Path) -> None:
    first, second, other = (built(series(), heat_map(n=n)) for n in (6, 6, 5))
    assert save(first, tmp_path / "a").read_bytes() == save(second, tmp_path / "b").read_bytes()
    assert other.SOPInstanceUID != first.SOPInstanceUID
    assert other.SeriesInstanceUID == first.SeriesInstanceUID


def test_a_map_without_heat_is_valid(tmp_path: Path) -> None:
    planes = tuple(
        Plane(np.zeros_like(plane.values), plane.source, plane.position)
        for plane in heat_map().planes
    )
    heat = HeatMap("tumor", TILTED, (1.0, 1.0, 5.0), planes[:1])
    assert dciodvfy_errors(save(built(series(), heat), tmp_path / "pm.dcm")) == []
