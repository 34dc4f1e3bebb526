import itertools

import numpy as np
import pytest

from batchmri.geometry import display_of, dot, normal_of, plane_of, unit_pair
from batchmri.records import Display

AXES = [np.array(v) * s for v in ((1, 0, 0), (0, 1, 0), (0, 0, 1)) for s in (1.0, -1.0)]
# Where a viewer's columns and rows grow, per plane.
VIEWED = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
}


def _orientations():
    for column, row in itertools.permutations(AXES, 2):
        if abs(column @ row) < 0.5:
            yield tuple(column.tolist()), tuple(row.tolist())


def _shown(orientation, display: Display):
    """Directions of columns and rows after what `display` does to an image."""
    column, row = (np.array(vector) for vector in orientation)
    if display.transpose:
        column, row = row, column
    return (-column if display.flip_columns else column), (-row if display.flip_rows else row)


@pytest.mark.parametrize("orientation", list(_orientations()))
def test_all_24_ways_to_store_a_slice_are_shown_alike(orientation) -> None:
    column, row = _shown(orientation, display_of(orientation))
    expected = VIEWED[plane_of(orientation)]
    assert np.allclose(column, expected[0]) and np.allclose(row, expected[1])


@pytest.mark.parametrize("degrees", [-30, -10, 15, 35])
def test_tilted_slices_are_shown_as_their_plane(degrees: float) -> None:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    tilted = ((-1.0, 0.0, 0.0), (0.0, -c, s))  # axial turned half, head tilted
    assert plane_of(tilted) == "axial"
    assert display_of(tilted) == Display(False, True, True)


def test_oblique_and_unknown() -> None:
    c = float(np.sqrt(0.5))
    assert plane_of(((1.0, 0.0, 0.0), (0.0, c, c))) == "oblique"
    assert plane_of(None) == ""
    assert display_of(None) == Display()


def test_normal_points_left_back_or_up() -> None:
    for orientation in _orientations():
        assert max(normal_of(orientation)) == pytest.approx(1.0)
        assert dot(normal_of(orientation), orientation[0]) == pytest.approx(0.0)


@pytest.mark.parametrize(
    "values",
    [(), (1, 0, 0), (0,) * 6, (1, 0, 0, 1, 0, 0), (1e9, 0, 0, 0, 1, 0), (1, 0, 0, 0, 1, 0, 0)],
)
def test_invalid_orientations_are_not_a_plane(values) -> None:
    assert unit_pair(values) is None


def test_directions_are_normalized() -> None:
    assert unit_pair((2, 0, 0, 0, -0.5, 0)) == ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
