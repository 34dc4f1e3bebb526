import numpy as np
import pytest

from batchmri.model.calibration import probabilities


def test_softmax_of_the_mean_maps() -> None:
    maps = np.zeros((1, 3, 2, 2), np.float32)
    maps[0, 0], maps[0, 1] = [[0, 2], [4, 6]], 1.0
    shares = probabilities(maps, 1.0)
    np.testing.assert_allclose(shares[0], np.exp([3, 1, 0]) / np.exp([3, 1, 0]).sum())
    np.testing.assert_allclose(
        probabilities(maps, 2.0)[0], np.exp([1.5, 0.5, 0]) / np.exp([1.5, 0.5, 0]).sum()
    )


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_probabilities_sum_to_one_for_large_maps(scale: float) -> None:
    maps = (np.random.default_rng(0).normal(size=(5, 4, 3, 3)) * scale).astype(np.float32)
    shares = probabilities(maps, 0.7)
    assert shares.shape == (5, 4) and shares.dtype == np.float64
    np.testing.assert_allclose(shares.sum(1), 1.0, atol=1e-12)
    assert (shares >= 0).all()
