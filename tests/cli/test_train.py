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
def pictures(tmp_path: Path) -> Path:
    grey = np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)
    for split in ("train", "val", "test"):
        for label in ("none", "some"):
            folder = tmp_path / "pictures" / split / label
            folder.mkdir(parents=True)
            for number in range(2):
                cv2.imwrite(str(folder / f"{number}.png"), grey)
                cv2.imwrite(str(folder / f"{number}.jpg"), grey)
    return tmp_path / "pictures"


def cut_short(pictures: Path) -> Path:
    path = pictures / "val/some/1.jpg"
    path.write_bytes(path.read_bytes()[:500])
    return pictures


def no_picture(pictures: Path) -> Path:
    (pictures / "val/some/1.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing else")
    return pictures


def empty_class(pictures: Path) -> Path:
    (pictures / "train/other").mkdir()
    return pictures


def only_in_test(pictures: Path) -> Path:
    (pictures / "test/some").rename(pictures / "test/other")
    return pictures


def no_split_column(pictures: Path) -> Path:
    table = pictures / "table.csv"
    table.write_text("file,label\ntrain/none/0.png,none\ntrain/some/0.png,some\n")
    return table


def fails(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *args: object) -> str:
    """The one-line message on stderr of a command that exits with 2."""
    monkeypatch.setattr(sys, "argv", ["batchmri", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (cut_short, "val/some/1.jpg: a JPEG cut short"),
        (no_picture, "val/some/1.png: not a readable picture"),
        (empty_class, "train/other: no pictures in it"),
        (only_in_test, "class 'other' is in test, not in train"),
        (no_split_column, "no column 'split' (it has file, label)"),
    ],
)
def test_wrong_data_is_one_line(
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    spoil: Callable[[Path], Path],
    says: str,
) -> None:
    config = tmp_path / "train.yaml"
    config.write_text(CONFIG)
    data = spoil(pictures)
    line = fails(monkeypatch, capfd, "train", data, "--out", tmp_path / "run", "--config", config)
    assert line.startswith("batchmri: error: ") and says in line


def test_a_wrong_first_checkpoint_is_one_line(
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    config, model = tmp_path / "train.yaml", tmp_path / "own.safetensors"
    model.write_bytes(b"no model")
    config.write_text(CONFIG.replace("random", str(model)))
    line = fails(
        monkeypatch, capfd, "train", pictures, "--out", tmp_path / "run", "--config", config
    )
    assert "own.safetensors: no card own.json beside it" in line
