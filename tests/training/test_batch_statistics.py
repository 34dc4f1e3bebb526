from pathlib import Path

import numpy as np
import torch
from torch import nn

from batchmri.model.network import ClassMapNetwork
from batchmri.preparation.transforms import PreparationSettings
from batchmri.training.augment import Augmentation
from batchmri.training.dataset import AugmentedImages, PreparedImages
from batchmri.training.fit import recompute_batch_statistics
from batchmri.training.table import Row


def test_batch_statistics_are_those_of_unaugmented_images() -> None:
    side, n = 32, 8
    images = np.random.default_rng(0).integers(0, 255, (n, side, side), np.uint8)
    rows = [Row(Path(f"{i}.png"), "ab"[i % 2], "train") for i in range(n)]
    none = np.full(n, -1)
    boxes = np.zeros((n, 7), np.int32)
    prepared = PreparedImages(rows, images, np.empty((0, side, side), np.uint8), none, boxes)
    settings = PreparationSettings(size=side)
    drawn = AugmentedImages(prepared, ("a", "b"), "b", settings, Augmentation(), 0)
    torch.manual_seed(0)
    network = ClassMapNetwork(2).eval()
    first = next(m for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    momentum = first.momentum
    assert first.running_mean is not None
    first.running_mean += 5  # statistics of other weights

    recompute_batch_statistics(network, drawn, np.arange(n).reshape(2, 4))

    with torch.no_grad():
        before = network.stem[:2](prepared.batch(list(range(n)), settings))
    torch.testing.assert_close(
        first.running_mean, before.mean((0, 2, 3)), rtol=0.02, atol=0.02 * float(before.std())
    )
    assert first.momentum == momentum
    found = {name: value.clone() for name, value in network.named_buffers()}
    recompute_batch_statistics(network, drawn, np.arange(n).reshape(2, 4))
    for name, value in network.named_buffers():  # no branch was dropped at random
        torch.testing.assert_close(value, found[name], rtol=0, atol=0)
    assert not network.training
