from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from batchmri.archive.assembly import assemble
from batchmri.reasons import Reason
from batchmri.records import Instance, Series
from tests.builders import AXIAL, CORONAL, ENHANCED_MR, dataset, dicom, read_instance, write

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def _item(**tags: Any) -> Dataset:
    item = Dataset()
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return item


def _one(**tags: Any) -> Sequence:
    return Sequence([_item(**tags)])


def frame(
    z: float, *, time: int = 1, echo: float | None = None, orientation=None, kind="M"
) -> Dataset:
    group = _item(
        PlanePositionSequence=_one(ImagePositionPatient=[-50.0, -50.0, z]),
        FrameContentSequence=_one(TemporalPositionIndex=time),
        MRImageFrameTypeSequence=_one(FrameType=["ORIGINAL", "PRIMARY", kind, "NONE"]),
    )
    if echo is not None:
        group.MREchoSequence = _one(EffectiveEchoTime=echo)
    if orientation is not None:
        group.PlaneOrientationSequence = _one(ImageOrientationPatient=orientation)
        group.PlanePositionSequence[0].ImagePositionPatient = [-50.0, z, 50.0]
    return group


def enhanced(path: Path, frames: list[Dataset], number: int = 1, **tags: Any) -> Path:
    shared = _item(
        PlaneOrientationSequence=_one(ImageOrientationPatient=AXIAL),
        PixelMeasuresSequence=_one(PixelSpacing=[6.0, 5.0]),
        MRTimingAndRelatedParametersSequence=_one(RepetitionTime=500.0, FlipAngle=90.0),
        MREchoSequence=_one(EffectiveEchoTime=12.0),
    )
    top = dict.fromkeys(("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"))
    values = {
        "SOPClassUID": ENHANCED_MR,
        "NumberOfFrames": len(frames),
        "SharedFunctionalGroupsSequence": Sequence([shared]),
        "PerFrameFunctionalGroupsSequence": Sequence(frames),
        "PixelData": np.zeros((len(frames), 16, 20), np.uint16).tobytes(),
    }
    ds = dataset(number, **{**top, **values, **tags})
    return write(path, ds)


def _series(*instances: Instance) -> list[Series]:
    (study,) = assemble(instances, {})
    return list(study.series)


def test_shared_and_per_frame_functional_groups(tmp_path: Path) -> None:
    found = read_instance(
        enhanced(tmp_path / "e", [frame(10.0), frame(0.0), frame(5.0, echo=13.0)])
    )
    assert [one.number for one in found.frames] == [1, 2, 3]
    assert [one.position for one in found.frames] == [(-50, -50, 10), (-50, -50, 0), (-50, -50, 5)]
    assert {one.pixel_spacing for one in found.frames} == {(6.0, 5.0)}
    assert [one.echo for one in found.frames] == ["12.0", "12.0", "13.0"]
    assert (found.header.repetition_time, found.header.echo_time) == (500.0, 12.0)
    assert found.header.image_type[:2] == ("ORIGINAL", "PRIMARY")


def test_frames_are_ordered_by_position(tmp_path: Path) -> None:
    path = enhanced(tmp_path / "e", [frame(z) for z in (8, 0, 4, 12)])
    (series,) = _series(read_instance(path))
    assert [ref.frame for ref in series.slices] == [2, 3, 1, 4]
    assert (series.slice_spacing, series.n_files) == (4.0, 1)


def test_stacks_echoes_and_components_of_one_object_are_parts(tmp_path: Path) -> None:
    frames = [
        *(frame(4.0 * n) for n in range(5)),
        *(frame(4.0 * n, echo=90.0) for n in range(5)),
        *(frame(4.0 * n, kind="P") for n in range(5)),
        *(frame(4.0 * n, orientation=CORONAL) for n in range(5)),
    ]
    series = _series(read_instance(enhanced(tmp_path / "e", frames)))
    stacks = [(s.plane, s.header.echo_time, "PHASE" in s.header.image_type) for s in series]
    assert sorted(stacks) == [
        ("axial", 12.0, False),
        ("axial", 12.0, True),
        ("axial", 90.0, False),
        ("coronal", 12.0, False),
    ]
    assert all(len(s.slices) == 5 for s in series)
    assert sum(s.n_files for s in series) == 1


def test_time_points_of_one_object(tmp_path: Path) -> None:
    frames = [frame(4.0 * n, time=t) for n in range(5) for t in (2, 1, 3)]
    series = _series(read_instance(enhanced(tmp_path / "e", frames)))
    (wanted,) = [s for s in series if s.refusal is None]
    assert [ref.frame for ref in wanted.slices] == [2, 5, 8, 11, 14]
    assert [s.refusal for s in series].count(Reason.FURTHER_VOLUME) == 2


def test_in_stack_position_orders_frames_of_one_position(tmp_path: Path) -> None:
    frames = [frame(0.0) for _ in range(4)]
    for group, place in zip(frames, (3, 1, 4, 2), strict=True):
        group.FrameContentSequence[0].InStackPositionNumber = place
    (series,) = _series(read_instance(enhanced(tmp_path / "e", frames)))
    assert [ref.frame for ref in series.slices] == [2, 4, 1, 3]
    assert series.flags == ("no_positions",)


def test_a_concatenation_is_one_series(tmp_path: Path) -> None:
    halves = [
        read_instance(enhanced(tmp_path / "1", [frame(z) for z in (0, 4, 8)], 1)),
        read_instance(enhanced(tmp_path / "2", [frame(z) for z in (12, 16, 20)], 2)),
    ]
    (series,) = _series(*halves)
    assert [(ref.source, ref.frame) for ref in series.slices] == [
        ("root/1", 1), ("root/1", 2), ("root/1", 3),
        ("root/2", 1), ("root/2", 2), ("root/2", 3),
    ]  # fmt: skip
    assert series.n_files == 2


def test_fewer_groups_than_frames(tmp_path: Path) -> None:
    path = enhanced(tmp_path / "e", [frame(0.0), frame(4.0)], NumberOfFrames=3,
                    PixelData=bytes(16 * 20 * 2 * 3))  # fmt: skip
    found = read_instance(path)
    assert [one.position is None for one in found.frames] == [False, False, True]


def test_temporal_position_and_component_of_a_classic_slice(tmp_path: Path) -> None:
    found = read_instance(
        dicom(tmp_path / "a", TemporalPositionIdentifier=3, ImageType=["ORIGINAL", "PRIMARY", "P"])
    )
    assert (found.frames[0].time_point, found.frames[0].component) == ("t000003", "phase")
