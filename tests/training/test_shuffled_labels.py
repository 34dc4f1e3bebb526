"""Training with shuffled labels has chance accuracy, so labels do not leak by other ways."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.model.card import SHIPPED
from batchmri.training import train as run
from batchmri.training.settings import TrainSettings

CLASSES = ("none", "spot")
# Features of the shipped model with a random last layer.
SETTINGS = TrainSettings.model_validate(
    {
        "no_tumor_class": "none",
        "init": str(SHIPPED),
        "epochs": 3,
        "samples_per_epoch": 64,
        "batch_size": 8,
        "learning_rate": 3e-4,
        "ema_decay": 0.1,
        "map_weight": 0,
        "threads": 1,
        "loaders": 0,
        "preparation": {"size": 64},
    }
)


def head(random: np.random.Generator, spot: bool) -> np.ndarray:
    """Create a skull around a textured brain, with a large bright spot if `spot`."""
    image = np.zeros((64, 64), np.float32)
    cv2.ellipse(image, (32, 32), (25, 29), 0, 0, 360, 200, -1)
    cv2.ellipse(image, (32, 32), (22, 26), 0, 0, 360, 90, -1)
    coarse = random.normal(0, 25, (12, 12)).astype(np.float32)
    image += cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC) * (image > 0)
    if spot:
        place = tuple(int(value) for value in random.integers(26, 39, 2))
        cv2.circle(image, place, 13, 255, -1)
    return (image + random.normal(0, 5, image.shape)).clip(0, 255).astype(np.uint8)


def write_heads(folder: Path, shuffled: bool) -> Path:
    """Write 64 heads for train, 16 for val and 96 for test; `shuffled` affects train and val.

    The labels of test are always correct. When shuffled, half of each class keeps its label, so
    that chance accuracy is 0.5.
    """
    folder.mkdir()
    random = np.random.default_rng(1)
    with (folder / "table.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "label", "split"])
        for split, n in (("train", 64), ("val", 16), ("test", 96)):
            for number in range(n):
                name = f"{split}-{number}.png"
                cv2.imwrite(str(folder / name), head(random, spot=bool(number % 2)))
                label = number // 2 if shuffled and split != "test" else number
                table.writerow([name, CLASSES[label % 2], split])
    return folder / "table.csv"


def accuracy_on_test(folder: Path, shuffled: bool) -> float:
    folder.mkdir()
    table = write_heads(folder / "heads", shuffled)
    return float(run.train(table, folder / "run", SETTINGS).metrics["test"]["accuracy"])


@pytest.mark.slow
def test_true_labels_are_learned_and_shuffled_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Augmentation would require more training steps.
    monkeypatch.setattr(run, "Augmentation", lambda *_: lambda image, mask, _: (image, mask))
    assert accuracy_on_test(tmp_path / "true", shuffled=False) > 0.85
    # By chance, the accuracy on 96 images is at most 0.60 in 95% of cases, and at most 0.69 in all
    # but one of 10,000.
    assert accuracy_on_test(tmp_path / "shuffled", shuffled=True) < 0.69
