from pathlib import Path

import numpy as np
import pytest
import torch

from batchmri.classifier.network import ClassMapNetwork, logits
from batchmri.pixels.preparation import PreparationSettings
from batchmri.training.dataset import Prepared
from batchmri.training.hard_negatives import weigh_hard_negatives
from batchmri.training.table import Row

SETTINGS = PreparationSettings(size=48)
ROWS = [
    Row(Path("a"), "notumor", "train", "heads"),
    Row(Path("b"), "notumor", "train", "heads", weight=0.5),
    Row(Path("c"), "notumor", "val", "heads"),
    Row(Path("d"), "glioma", "train", "heads"),
    Row(Path("e"), "notumor", "train", "lgg"),
]


@pytest.fixture(scope="module")
def network() -> ClassMapNetwork:
    torch.manual_seed(0)
    return ClassMapNetwork(2, last_stride=True, pretrained=False).eval()


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    pictures = np.random.default_rng(0).integers(0, 255, (5, 48, 48), np.uint8)
    none = np.full(5, -1)
    return Prepared(ROWS, pictures, pictures[:0], none, np.zeros((5, 7), np.int32))


def test_what_looks_like_a_tumour_weighs_more(network: ClassMapNetwork, prepared: Prepared) -> None:
    with torch.inference_mode():
        values = logits(network(prepared.batch([0, 1], SETTINGS))[0])
    any_tumor = 1 - values.softmax(1)[:, 1]
    found = weigh_hard_negatives(network, prepared, SETTINGS, 1, "notumor", {"heads": 30.0})
    expected = [1 + 30 * float(any_tumor[0]), 0.5 * (1 + 30 * float(any_tumor[1])), 1, 1, 1]
    assert min(expected[:2]) > 0.5 + 0.1
    assert [row.weight for row in found] == pytest.approx(expected, rel=0.05)


def test_without_factors_every_row_stays(network: ClassMapNetwork, prepared: Prepared) -> None:
    assert weigh_hard_negatives(network, prepared, SETTINGS, 1, "notumor", {}) == ROWS
