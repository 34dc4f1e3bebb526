"""Training on a folder with other classes, and a scan with the resulting model."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.model.card import read_card
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from batchmri.training.settings import TrainSettings
from batchmri.training.train import train
from tests.pipeline.builders import write_series

SETTINGS = TrainSettings.model_validate(
    {
        "no_tumor_class": "nothing",
        "init": "random",
        "epochs": 1,
        "samples_per_epoch": 4,
        "batch_size": 2,
        "threads": 1,
        "loaders": 0,
        "preparation": {"size": 32},
    }
)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for label in ("cyst", "nothing", "metastasis"):
        folder = tmp_path / "images" / label
        folder.mkdir(parents=True)
        for number in range(10):
            noise = random.integers(0, 60, (40, 36), np.uint8)
            cv2.imwrite(str(folder / f"{number}.jpg"), cv2.ellipse(
                noise, (18, 20), (12, 15), 0, 0, 360, 150 + number, -1
            ))  # fmt: skip
    return tmp_path / "images"


@pytest.mark.slow
def test_own_classes_are_trained_on_and_scanned_with(images: Path, tmp_path: Path) -> None:
    card = train(images, tmp_path / "run", SETTINGS)
    assert card.classes == ("cyst", "metastasis", "nothing")
    assert set(card.metrics) >= {"val"} and "test" not in card.metrics
    model = tmp_path / "run" / "model.safetensors"
    assert read_card(model) == card

    write_series(tmp_path / "archive", n=6)
    settings = Settings.model_validate(
        {"classifier": {"model": model, "device": "cpu"}, "pixels": {"workers": 1}}
    )
    out = tmp_path / "out"
    assert scan([tmp_path / "archive"], out=out, settings=settings).exit_code == 0
    for name, rows in (("studies", 1), ("series", 1), ("slices", 6)):
        with (out / f"{name}.csv").open(newline="") as file:
            found = list(csv.DictReader(file))
        assert len(found) == rows
        named = [column for column in found[0] if column.startswith("p_") and column != "p_tumor"]
        assert named == ["p_cyst", "p_metastasis", "p_nothing"]
        assert sum(float(found[0][column]) for column in named) == pytest.approx(1, abs=2e-4)
    assert {row["predicted"] for row in found} <= set(card.classes)

    # Continue with the same network for other classes, without its last layer.
    (images / "metastasis").rename(images / "abscess")
    further = SETTINGS.model_copy(update={"init": str(model), "last_stride": True})
    card = train(images, tmp_path / "further", further)
    assert card.classes == ("abscess", "cyst", "nothing")
