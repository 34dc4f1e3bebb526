"""Agreement of constructed heat maps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from batchmri.evaluation.inference import RowPredictions
from batchmri.evaluation.map_agreement import agreement_measures, random_network
from batchmri.model.network import ClassMapNetwork
from batchmri.training.table import Row

CLASSES = ("glioma", "notumor")


def predictions(*maps: list[list[float]]) -> RowPredictions:
    """Rows of gliomas with these maps (h, w) of the class glioma."""
    n = len(maps)
    found = np.zeros((n, 2, len(maps[0]), len(maps[0][0])), np.float32)
    found[:, 0] = maps
    return RowPredictions(
        [Row(Path("any"), "glioma", "val")] * n, CLASSES, 1, np.zeros(n, np.int64),
        np.full((n, 2), 0.5), found, np.zeros(2, np.float32), {}, np.arange(n),
    )  # fmt: skip


def values(first: RowPredictions, second: RowPredictions) -> dict[str, float]:
    return {m.metric: m.value for m in agreement_measures("val", first, second, resamples=10)}


CORNER = [[9.0, 2.0, 1.0], [3.0, 1.5, 0.5], [0.2, 0.1, 0.0]]


def test_equal_maps_agree() -> None:
    found = values(predictions(CORNER), predictions(CORNER))
    assert found == {"map_rank_correlation": pytest.approx(1.0), "map_peaks_agree": 1.0}


def test_reversed_maps_disagree() -> None:
    opposite = [row[::-1] for row in CORNER[::-1]]
    ranks = [[9 - value for value in row] for row in CORNER]
    assert values(predictions(CORNER), predictions(ranks))["map_rank_correlation"] == -1.0
    assert values(predictions(CORNER), predictions(opposite))["map_peaks_agree"] == 0.0


def test_one_of_two_peaks_agrees() -> None:
    opposite = [row[::-1] for row in CORNER]
    found = values(predictions(CORNER, CORNER), predictions(CORNER, opposite))
    assert found["map_peaks_agree"] == 0.5


def test_a_map_without_heat_is_excluded() -> None:
    cold = [[-1.0] * 3] * 3
    found = values(predictions(CORNER, cold), predictions(CORNER, CORNER))
    assert found == {"map_rank_correlation": pytest.approx(1.0), "map_peaks_agree": 1.0}
    assert agreement_measures("val", predictions(cold), predictions(CORNER), 10) == []


def test_the_random_network_is_always_the_same() -> None:
    network = ClassMapNetwork(3, last_stride=False)
    one, other = (random_network(network, last_stride=False) for _ in range(2))
    assert torch.equal(one.linear.weight, other.linear.weight)
    assert not torch.equal(one.linear.weight, network.linear.weight)
    assert one.linear.out_features == 3
