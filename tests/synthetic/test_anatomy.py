import numpy as np
import pytest

from batchmri.synthetic.anatomy import (
    FOURTH_VENTRICLE,
    HEMISPHERE,
    PONTINE_ANGLE,
    SELLA,
    Frame,
    frame_of,
    slices_through,
)
from tests.synthetic.volume import LENGTH, ORIGIN, ZOOMS, drawn_volume


def test_the_head_is_found_by_its_vertex_occiput_and_midline() -> None:
    frame = frame_of(drawn_volume(0), ZOOMS)
    assert frame is not None
    assert frame.length == pytest.approx(LENGTH, rel=0.05)
    assert frame.origin == pytest.approx(ORIGIN, abs=3)


def test_positions_are_measured_from_the_vertex_down_and_from_the_occiput_forward() -> None:
    frame = Frame((40.0, 10.0, 90.0), 200.0, (2.0, 2.0, 1.0), (80, 110, 100))
    assert frame.voxel((0.1, 0.5, 0.4)) == pytest.approx([50, 60, 10])
    assert frame.voxel((-0.1, 0.0, 0.0)) == pytest.approx([30, 10, 90])
    for axis, (index, position) in enumerate([(50, 0.1), (60, 0.5), (10, 0.4)]):
        assert frame.position(axis, index) == pytest.approx(position)


def test_slabs_and_small_objects_have_no_frame() -> None:
    volume = drawn_volume(0)
    assert frame_of(volume[:, :, 60:80], ZOOMS) is None
    assert frame_of(volume, (0.5, 0.5, 0.5)) is None
    assert frame_of(np.zeros((9, 9, 9), np.float32), ZOOMS) is None


def test_slices_cover_a_part_and_stay_inside_the_volume() -> None:
    frame = Frame((40.0, 10.0, 120.0), 200.0, (2.0, 2.0, 2.0), (80, 110, 122))
    right, front, below = SELLA.center
    assert (right, front, below) == (0.0, 0.55, 0.52)
    assert list(slices_through(frame, SELLA, "coronal", 8.0)) == [57, 61, 65, 69, 73]
    assert list(slices_through(frame, SELLA, "axial", 8.0)) == [78, 74, 70, 66, 62, 58]
    assert len(list(slices_through(frame, SELLA, "sagittal", 2.0))) == 8
    cut = Frame((40.0, 10.0, 68.0), 200.0, (2.0, 2.0, 2.0), (80, 110, 70))
    assert min(slices_through(cut, SELLA, "axial", 4.0)) >= 0


def test_parts_are_at_their_anatomical_positions() -> None:
    parts = (FOURTH_VENTRICLE, HEMISPHERE, PONTINE_ANGLE)
    assert all(part.center[1] < SELLA.center[1] for part in parts)  # behind the sella
    assert all(part.center[2] > SELLA.center[2] for part in parts)  # and below it
    assert FOURTH_VENTRICLE.center[0] == 0
    assert HEMISPHERE.center[1] < PONTINE_ANGLE.center[1]
    assert HEMISPHERE.mirrored().center == (-0.15, *HEMISPHERE.center[1:])
