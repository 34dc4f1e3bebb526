"""Complete evaluations of images with a randomly initialized network."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.errors import ModelError, UsageError
from batchmri.evaluation.evaluate_images import EvaluationRequest, evaluate_images
from batchmri.evaluation.row_selection import choose_rows
from batchmri.model.backends.base import Backend
from batchmri.model.backends.registry import Runtime
from batchmri.model.backends.torch import TorchBackend
from batchmri.model.card import Card
from batchmri.model.network import ClassMapNetwork
from batchmri.outputs.console import Console
from batchmri.settings.classifier import ClassifierSettings

from .make import read_csv, write_csv, write_heads

CLASSES = ("notumor", "spot")


@pytest.fixture(autouse=True)
def uncompiled() -> Iterator[None]:
    """Skip the compilation of the network, which takes seconds."""

    def load(network: ClassMapNetwork, card: Card, chosen: Runtime) -> Backend:
        return TorchBackend(network, "cpu", "fp32", 8)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batchmri.evaluation.evaluate_images.load_backend", load)
        yield


def evaluate(model: Path, out: Path, data: Path, **more: object) -> None:
    request = EvaluationRequest(data, resamples=20, **more)  # type: ignore[arg-type]
    settings = ClassifierSettings(model=model, device="cpu", precision="fp32")
    evaluate_images(request, settings, out, Console("plain"))


def test_output_files_and_metrics(
    random_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, train = write_heads(tmp_path / "data", range(12)), tmp_path / "train"
    write_heads(train, [0, 1, 40, 41])
    out = tmp_path / "out"
    evaluate(random_model, out, data, trained_on=train, randomized=True)
    names = {path.name for path in out.iterdir()}
    plots = {"confusion", "roc", "precision_recall", "reliability", "coverage", "gradcam"}
    assert {f"{name}.png" for name in plots} < names
    assert {"metrics.json", "metrics.csv", "metrics.txt", "predictions.csv"} < names
    rows = read_csv(out / "predictions.csv")
    assert [row["file"] for row in rows[:2]] == ["notumor/1.png", "notumor/11.png"]
    assert sum(int(row["leak_free"]) for row in rows) == 10
    assert all(float(r["p_notumor"]) + float(r["p_spot"]) == pytest.approx(1) for r in rows)
    right = np.mean([int(row["correct"]) for row in rows])
    document = json.loads((out / "metrics.json").read_text())
    raw, free = document["metrics"]["raw"], document["metrics"]["leak-free"]
    assert raw["accuracy"]["all"]["value"] == pytest.approx(right, abs=1e-6)
    assert (raw["accuracy"]["all"]["n"], free["accuracy"]["all"]["n"]) == (12, 10)
    assert "randomized_rank_correlation" in raw
    text = (out / "metrics.txt").read_text()
    assert "leak-free: 10 images that resemble none of the 4 training images" in text
    assert "resamples of 12 groups of 12 images by duplicate group" in text
    assert "ece_if_perfect" in {row["metric"] for row in read_csv(out / "metrics.csv")}
    assert "precision" in capsys.readouterr().out


@pytest.mark.slow
def test_the_same_evaluation_gives_the_same_bytes(random_model: Path, tmp_path: Path) -> None:
    data, train = write_heads(tmp_path / "data", range(12)), tmp_path / "train"
    write_heads(train, [0, 1, 40, 41])
    found = []
    for out in (tmp_path / "one", tmp_path / "two"):
        evaluate(random_model, out, data, trained_on=train, randomized=True)
        found.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert found[0] == found[1]


def test_pointing_game_with_masks_of_a_table(random_model: Path, tmp_path: Path) -> None:
    data = write_heads(tmp_path, range(6))
    mask = np.zeros((80, 70), np.uint8)
    cv2.circle(mask, (35, 40), 12, 255, -1)
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    records = [
        {"file": f"spot/{n}.png", "label": "spot", "split": "test", "mask": "mask.png"}
        for n in (0, 2, 4)
    ] + [{"file": "notumor/1.png", "label": "notumor", "split": "test", "mask": ""}]
    evaluate(random_model, tmp_path / "out", write_csv(data / "t.csv", records))
    found = {(row["metric"], row["of"]): row for row in read_csv(tmp_path / "out" / "metrics.csv")}
    assert found["pointing", "spot"]["n"] == "3"
    assert float(found["pointing_of_middle", ""]["value"]) == 1
    assert ("pointing", "notumor") not in found


def test_choose_rows_by_split(tmp_path: Path) -> None:
    flat = write_heads(tmp_path / "flat", range(4))
    assert len(choose_rows(flat, None, CLASSES)) == 4
    with_splits = tmp_path / "parted"
    write_heads(with_splits / "Training", range(6))
    write_heads(with_splits / "Testing", [10, 11])
    assert {row.file.name for row in choose_rows(with_splits, None, CLASSES)} == {
        "10.png",
        "11.png",
    }
    assert len(choose_rows(with_splits, "all", CLASSES)) == 8
    with pytest.raises(UsageError, match=r"no rows of split dev \(there are: test, train\)"):
        choose_rows(with_splits, "dev", CLASSES)


def test_invalid_data_and_checkpoints_raise(random_model: Path, tmp_path: Path) -> None:
    out, data = tmp_path / "out", write_heads(tmp_path / "data", range(4))
    (data / "spot" / "9.png").write_bytes(b"no image")
    with pytest.raises(UsageError, match=r"9\.png: not a readable image"):
        evaluate(random_model, out, data)
    (data / "spot" / "9.png").unlink()
    (data / "third").mkdir()
    with pytest.raises(UsageError, match="third: contains no images"):
        evaluate(random_model, out, data)
    (data / "third" / "3.png").write_bytes((data / "spot" / "0.png").read_bytes())
    with pytest.raises(UsageError, match=r"class 'third' is not a class .*notumor, spot"):
        evaluate(random_model, out, data)
    table = write_csv(tmp_path / "t.csv", [{"file": "data/spot/0.png", "label": "spot"}])
    with pytest.raises(UsageError, match="no column 'split'"):
        evaluate(random_model, out, table)
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"no weights")
    wrong.with_suffix(".json").write_bytes(random_model.with_suffix(".json").read_bytes())
    with pytest.raises(ModelError, match="sha256"):
        evaluate(wrong, out, data)
    assert not out.exists()
