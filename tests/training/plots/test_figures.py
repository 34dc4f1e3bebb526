from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.preparation.transforms import PreparationSettings
from batchmri.training.augment import Augmentation
from batchmri.training.dataset import AugmentedImages, prepare_table
from batchmri.training.plots.curves import draw_curves
from batchmri.training.plots.data import draw_data
from batchmri.training.table import read_table

CLASSES = ("notumor", "spot")
FIGURES = {"class_distribution", "samples", "crops", "crop_quality", "augmentations"}


def pixels(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None and image.std() > 5
    return image


def test_data_figures_are_reproducible(
    heads: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    cv2.imwrite(str(tmp_path / "head3.png"), np.zeros((48, 40), np.uint8))  # without a head
    settings = PreparationSettings(size=48)
    prepared = prepare_table(read_table(heads), tmp_path / "run", settings)
    for folder, width in (("one", 1.0), ("two", 1.0), ("wide", 2.0)):
        images = AugmentedImages(prepared, CLASSES, "notumor", settings, Augmentation(width), 0)
        draw_data(images, CLASSES, tmp_path / folder)
    drawn = {path.stem: path for path in (tmp_path / "one").iterdir()}
    assert set(drawn) == FIGURES | {"crops_doubtful"}
    for name, path in drawn.items():
        pixels(path)
        assert path.read_bytes() == (tmp_path / "two" / f"{name}.png").read_bytes(), name
    wide = (tmp_path / "wide" / "augmentations.png").read_bytes()
    assert wide != drawn["augmentations"].read_bytes()
    assert "brain box found in 15 of 16 images (93.8%)" in caplog.text
    assert "notumor: 1 of 8 without box" in caplog.text


def test_boxes_are_stored_with_the_image_size(heads: Path, tmp_path: Path) -> None:
    prepared = prepare_table(read_table(heads), tmp_path / "run", PreparationSettings(size=48))
    x, y, width, height, failed, rows, columns = prepared.boxes[0].tolist()
    assert (rows, columns, failed) == (48, 40, 0)
    assert abs(x + width / 2 - 20) < 2 and abs(y + height / 2 - 24) < 2


def test_curves_show_every_epoch(tmp_path: Path) -> None:
    metrics = [
        {"epoch": str(n), "train_loss": "1", "loss": str(3 - n), "accuracy": str(n / 3)}
        for n in (1, 2)  # from an older training without train_accuracy
    ]
    draw_curves(metrics, tmp_path)
    first = pixels(tmp_path / "curves.png")
    draw_curves([*metrics, metrics[0] | {"epoch": "3"}], tmp_path)
    assert not np.array_equal(first, pixels(tmp_path / "curves.png"))
