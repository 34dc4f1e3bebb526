"""Errors in labeled images are reported as one line with exit code 2."""

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.cli import main

CONFIG = "{init: random, no_tumor_class: none, epochs: 1, loaders: 0, threads: 1}"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    gray = np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)
    for split in ("train", "val", "test"):
        for label in ("none", "some"):
            folder = tmp_path / "images" / split / label
            folder.mkdir(parents=True)
            for number in range(2):
                cv2.imwrite(str(folder / f"{number}.png"), gray)
                cv2.imwrite(str(folder / f"{number}.jpg"), gray)
    return tmp_path / "images"


def cut_short(images: Path) -> Path:
    path = images / "val/some/1.jpg"
    path.write_bytes(path.read_bytes()[:500])
    return images


def no_image(images: Path) -> Path:
    (images / "val/some/1.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing else")
    return images


def empty_class(images: Path) -> Path:
    (images / "train/other").mkdir()
    return images


def only_in_test(images: Path) -> Path:
    (images / "test/some").rename(images / "test/other")
    return images


def no_split_column(images: Path) -> Path:
    table = images / "table.csv"
    table.write_text("file,label\ntrain/none/0.png,none\ntrain/some/0.png,some\n")
    return table


def fails(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *args: object) -> str:
    """The one-line message on stderr of a command that exits with 2."""
    monkeypatch.setattr(sys, "argv", ["batchmri", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    lines = capfd.readouterr().err.strip().splitlines()
    # A training that has begun may have logged lines with a date before.
    errors = [line for line in lines if not line.startswith("20")]
    assert errors == lines[-1:], lines
    return errors[0]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (cut_short, "val/some/1.jpg: a truncated JPEG"),
        (no_image, "val/some/1.png: not a readable image"),
        (empty_class, "train/other: contains no images"),
        (only_in_test, "class 'other' is in test, not in train"),
        (no_split_column, "no column 'split' (it has file, label)"),
    ],
)
def test_wrong_data_is_one_line(
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    spoil: Callable[[Path], Path],
    says: str,
) -> None:
    config = tmp_path / "train.yaml"
    config.write_text(CONFIG)
    data = spoil(images)
    line = fails(monkeypatch, capfd, "train", data, "--out", tmp_path / "run", "--config", config)
    assert line.startswith("batchmri: error: ") and says in line


def test_a_wrong_first_checkpoint_is_one_line(
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    config, model = tmp_path / "train.yaml", tmp_path / "own.safetensors"
    model.write_bytes(b"no model")
    config.write_text(CONFIG.replace("random", str(model)))
    line = fails(monkeypatch, capfd, "train", images, "--out", tmp_path / "run", "--config", config)
    assert "own.safetensors: its card own.json cannot be read" in line
