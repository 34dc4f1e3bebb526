"""The command `batchmri evaluate`: outputs, exit codes and messages."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from batchmri.model.card import Card
from batchmri.model.checkpoint import save_checkpoint
from batchmri.model.network import ClassMapNetwork
from tests.cli.command import Done, batchmri
from tests.pipeline.builders import write_series


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    path = tmp_path / "model.safetensors"
    card = Card(classes=("notumor", "tumor"), no_tumor_class="notumor", preparation={"size": 64})
    save_checkpoint(path, ClassMapNetwork(2), card)
    return path


def evaluate(*arguments: object) -> Done:
    return batchmri("evaluate", *arguments)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.slow
def test_volumes_are_scanned_and_evaluated(model: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    write_series(archive / "one", study="one", series="one")
    write_series(archive / "two", study="two", series="two")
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label,patient,slice\none,tumor,p1,\ntwo,notumor,p2,0\n")
    out = tmp_path / "out"
    done = evaluate(archive, "--labels", labels, "--out", out, "--model", model)
    assert done.returncode == 0, done.stderr
    scanned = {row["source"]: row["verdict"] for row in read(out / "scan" / "series.csv")}
    predictions = {row["source"]: row for row in read(out / "predictions.csv")}
    assert {source: row["verdict"] for source, row in predictions.items()} == scanned
    assert predictions["archive/one"]["label"] == "tumor"
    assert predictions["archive/two"]["label"] == "notumor"
    assert {row["patient"] for row in read(out / "patients.csv")} == {"p1", "p2"}
    found = {(r["subset"], r["metric"], r["of"]): r for r in read(out / "metrics.csv")}
    right = int(scanned["archive/one"] == "tumor")
    assert float(found["series", "sensitivity", ""]["value"]) == right
    assert found["slices", "tumor_free_called_tumor", ""]["n"] == "1"
    assert "2 labels, 2 series, 2 patients, 1 labeled slices" in done.stdout
    plots = {"confusion", "roc", "precision_recall", "reliability", "coverage"}
    assert {f"{name}.png" for name in plots} <= {path.name for path in out.iterdir()}
    # Both series look the same, so at least one is a mistake, and one of its slices is shown.
    mistakes = cv2.imread(str(out / "mistakes.png"), cv2.IMREAD_GRAYSCALE)
    assert mistakes is not None
    assert mistakes[100:160, 80:130].mean() > 80


def test_errors_are_one_line_and_exit_with_2(model: Path, tmp_path: Path) -> None:
    image = tmp_path / "data" / "cyst" / "a.png"
    image.parent.mkdir(parents=True)
    cv2.imwrite(str(image), np.eye(40, dtype=np.uint8) * 200)
    done = evaluate(image.parent.parent, "--out", tmp_path / "out", "--model", model)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "class 'cyst' is not a class of the model (notumor, tumor)" in done.stderr
    assert not (tmp_path / "out").exists()
