"""Percentiles are those of NumPy, to the last bit; extreme gray levels are made safe."""

import numpy as np
import pytest

from batchmri.gray_levels import percentiles, rescaled, span

OF = (0.0, 0.5, 1.0, 30.0, 99.0, 99.5, 100.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int16, np.uint16])
def test_results_are_those_of_numpy(dtype: type[np.generic]) -> None:
    rng = np.random.default_rng(0)
    for size in [1, 2, 3, 10, 999, *rng.integers(1, 4000, 60)]:
        values = (rng.normal(size=size) * rng.choice([60, 3e4])).clip(-3e4, 3e4)
        values = np.abs(values) % 250 if dtype is np.uint8 else values
        values = (np.abs(values) if dtype is np.uint16 else values).astype(dtype)
        assert percentiles(values, OF) == np.percentile(values.astype(np.float64), OF).tolist()


def test_images_are_flattened() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert percentiles(image[::2, ::2], (50,)) == [5.0]


def test_the_largest_values_do_not_overflow() -> None:
    values = np.array([-3e38, 3e38], np.float32)
    assert percentiles(values, (0, 50, 100)) == [float(values[0]), 0.0, float(values[1])]


@pytest.mark.parametrize("factor", [2.0**-140, 2.0**-101, 1.0, 2.0**121, 2.0**127])
def test_extreme_images_are_multiplied_by_a_power_of_two(factor: float) -> None:
    image = np.array([[0.25, 0.5], [0.75, 1]], np.float32) * np.float32(factor)
    found = rescaled(image)
    assert (found / found.max()).tolist() == [[0.25, 0.5], [0.75, 1]]
    assert 2.0**-100 <= float(found.max()) <= 2.0**120
    assert (found is image) == (factor == 1)


def test_equal_gray_levels_have_a_positive_span() -> None:
    assert span(1, 3) == 2
    assert 0 < np.float32(span(3e38, 3e38)) < 1e-29
