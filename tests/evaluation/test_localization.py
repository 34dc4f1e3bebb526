from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from batchmri.evaluation.inference import RowPredictions
from batchmri.evaluation.localization import (
    REDRAWN,
    localization_measures,
    randomization_measure,
    redrawn,
)
from batchmri.training.table import Row


def predictions(
    maps: np.ndarray, masks: dict[int, np.ndarray], labels: list[int]
) -> RowPredictions:
    n = len(labels)
    return RowPredictions(
        [Row(Path(str(i)), "", "test") for i in range(n)],
        ("none", "tumor"),
        0,
        np.array(labels),
        np.full((n, 2), 0.5),
        maps.astype(np.float32),
        np.zeros(2, np.float32),
        masks,
        np.arange(n),
    )


def box(top: int, left: int, side: int = 10) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_pointing_and_heat_share_with_their_baselines() -> None:
    maps = np.zeros((3, 2, 4, 4))
    maps[:, 1, 0, 0] = 1  # warm in the top left cell only
    maps[:, 0] = 9  # another class's map does not count
    measures = localization_measures(
        "raw", predictions(maps, {0: box(0, 0), 2: box(15, 15)}, [1, 1, 1]), resamples=20
    )
    found = {(m.metric, m.of): m for m in measures}
    assert found["pointing", ""].value == found["pointing_of_middle", ""].value == 0.5
    assert found["pointing", "tumor"].n == 2
    # Interpolated, the cell extends 15 pixels along each axis: most of its heat is in the mask.
    assert 0.35 < found["heat_share", ""].value < 0.5
    assert 0.03 < found["heat_share_of_gaussian", ""].value < 0.1


def test_negative_map_values_give_no_heat() -> None:
    maps = np.full((1, 2, 4, 4), -1.0)
    (share,) = (
        m.value
        for m in localization_measures("", predictions(maps, {0: box(0, 0)}, [1]), resamples=5)
        if m.metric == "heat_share" and m.of == ""
    )
    assert share == 0


def test_no_measures_without_masks() -> None:
    assert localization_measures("", predictions(np.zeros((2, 2, 4, 4)), {}, [0, 1])) == []


def test_rank_correlation_of_identical_and_of_random_maps() -> None:
    random = np.random.default_rng(0)
    own = random.random((6, 2, 5, 5))
    same = np.tile(own, (1, REDRAWN, 1, 1))
    other = random.random(same.shape)
    labels = [0, 1] * 3
    (alike,) = randomization_measure("", predictions(own, {}, labels), same, resamples=5)
    (unlike,) = randomization_measure("", predictions(own, {}, labels), other, resamples=5)
    assert alike.value == pytest.approx(1)
    assert abs(unlike.value) < 0.2


class Small(nn.Module):
    """A network with one feature layer and a last layer for two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(16, 500)
        self.linear = nn.Linear(500, 2)


def test_redrawn_changes_only_the_last_layer_and_is_reproducible() -> None:
    torch.manual_seed(0)
    network = Small().eval()
    other = redrawn(network)  # type: ignore[arg-type]
    assert other.linear.weight.shape == (2 * REDRAWN, 500)
    spreads = [one.linear.weight.std().item() for one in (other, network)]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.05)
    assert torch.equal(other.linear.weight, redrawn(network).linear.weight)  # type: ignore[arg-type]
    assert torch.equal(other.body.weight, network.body.weight)  # type: ignore[attr-defined]
    assert network.linear.weight.shape == (2, 500)
