from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from batchmri.preparation.transforms import PreparationSettings
from batchmri.training.dataset import PreparedImages
from batchmri.training.evaluate import dev_metrics, fit_temperature, pointing_game, split_metrics
from batchmri.training.table import Row


def test_known_temperature_is_recovered() -> None:
    generator = torch.Generator().manual_seed(0)
    calibrated = torch.randn(20_000, 4, generator=generator) * 2
    labels = torch.distributions.Categorical(logits=calibrated)
    torch.manual_seed(0)
    found = fit_temperature(calibrated * 3, labels.sample())
    assert found == pytest.approx(3, rel=0.05)


def test_metrics_of_a_split() -> None:
    labels = np.array([0, 0, 0, 1])
    values = torch.eye(2)[torch.tensor([0, 0, 1, 1])]
    metrics = split_metrics(labels, values, ("a", "b"))
    assert metrics["accuracy"] == 0.75
    assert metrics["a_recall"] == pytest.approx(2 / 3, abs=1e-4)
    assert metrics["a_precision"] == 1
    assert metrics["b_precision"] == 0.5
    assert metrics["b_support"] == 1
    assert metrics["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2, abs=1e-4)


def test_the_pointing_game_counts_hits() -> None:
    class Points(nn.Module):
        """Network whose map of class 1 has its maximum in the top left cell."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
            maps = torch.zeros(len(images), 2, 4, 4)
            maps[:, 1, 0, 0] = 1
            return maps, maps

    masks = np.zeros((2, 40, 40), np.uint8)
    masks[0, :10, :10] = 255
    masks[1, 15:25, 15:25] = 255
    rows = [Row(Path(name), "tumor", "test") for name in "abc"]
    images = np.zeros((3, 40, 40), np.uint8)
    prepared = PreparedImages(rows, images, masks, np.array([0, -1, 1]), np.zeros((3, 7), np.int32))
    settings = PreparationSettings(size=40)
    metrics = pointing_game(Points(), prepared, [0, 1, 2], [1, 1, 1], settings)  # type: ignore[arg-type]
    assert metrics == {"pointing_n": 2, "pointing": 0.5, "pointing_of_the_middle": 0.5}


def test_volumes_are_classified_by_their_most_suspicious_slices() -> None:
    def slices(name: str, suspicious: int) -> tuple[list[Row], list[list[float]]]:
        rows = [
            Row(Path(name), "none", "dev", "heads", slice=index, plane="axial")
            for index in range(10)
        ]
        return rows, [[5.0, 0.0] if index < suspicious else [0.0, 5.0] for index in range(10)]

    (one, quiet), (two, loud) = slices("one", 1), slices("two", 4)
    metrics = dev_metrics([*one, *two], torch.tensor(quiet + loud), 1, "none")
    assert metrics["heads_tumor_free_volumes_called_tumor"] == "1 of 2"
    assert metrics["heads_tumor_free_slices_called_tumor"] == 0.25
