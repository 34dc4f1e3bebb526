"""The stages of the recipe: in order, once, resumable."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from batchmri.model.checkpoint import load_checkpoint
from experiments.b1.recipe import Stage, run, stages, write_configs

WRITE = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(' '.join(sys.argv[1:]))"


def write(name: str) -> Stage:
    return Stage(name, (sys.executable, "-c", WRITE, f"{name}.txt"))


def test_a_complete_stage_is_not_repeated(tmp_path: Path) -> None:
    run([write("first"), write("second")], tmp_path, until="first")
    assert (tmp_path / "first.txt").exists() and not (tmp_path / "second.txt").exists()
    (tmp_path / "first.txt").write_text("kept")
    run([write("first"), write("second")], tmp_path)
    assert (tmp_path / "first.txt").read_text() == "kept"
    assert (tmp_path / "second.txt").exists()


def test_a_failed_stage_is_repeated(tmp_path: Path) -> None:
    failing = Stage("first", (sys.executable, "-c", "raise SystemExit(3)"), stdout="out.txt")
    with pytest.raises(Exception, match="exit status 3"):
        run([failing, write("second")], tmp_path)
    assert not (tmp_path / "second.txt").exists()
    assert not (tmp_path / "out.txt").exists()  # no truncated table
    run([Stage("first", (sys.executable, "-c", "print(7)"), stdout="out.txt")], tmp_path)
    assert (tmp_path / "out.txt").read_text() == "7\n"


def test_an_interrupted_training_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "tune").mkdir()
    (tmp_path / "tune" / "last.pt").touch()
    run([write("tune")], tmp_path)
    assert (tmp_path / "tune.txt").read_text() == "tune.txt --resume"


def test_each_training_starts_from_the_one_before(tmp_path: Path) -> None:
    write_configs(tmp_path, trial=False)
    configs = {name: yaml.safe_load((tmp_path / f"recipe-{name}.yaml").read_text())
               for name in ("base", "tune")}  # fmt: skip
    assert [one["init"] for one in configs.values()] == ["lite1", "base/model.safetensors"]
    names = [stage.name for stage in stages(Path("data"))]
    assert names == ["sources", "stripped", "table", "posterior", *configs, "calibrate", "judge"]


@pytest.mark.slow
def test_trial_trainings_take_twenty_steps(tmp_path: Path) -> None:
    """Both trainings with the real command, on images made here."""
    random = np.random.default_rng(0)
    lines = ["file,label,split,source"]
    for index in range(24):
        image = np.zeros((64, 64), np.uint8)
        cv2.ellipse(image, (32, 32), (20, 26), 0, 0, 360, 120, -1)
        image += random.integers(0, 40, image.shape, np.uint8)
        cv2.imwrite(str(tmp_path / f"{index}.png"), image)
        label = ("glioma", "meningioma", "notumor", "pituitary")[index % 4]
        split = ("train", "train", "train", "val", "test", "train")[index // 4]
        lines.append(f"../{index}.png,{label},{split},brain-tumor-mri")
    (tmp_path / "posterior").mkdir()
    (tmp_path / "posterior" / "table.csv").write_text("\n".join(lines) + "\n")
    write_configs(tmp_path, trial=True)
    trainings = [one for one in stages(tmp_path) if one.name in ("base", "tune")]
    run(trainings, tmp_path)
    steps = [len((tmp_path / n / "metrics.csv").read_text().splitlines()) - 1
             for n in ("base", "tune")]  # fmt: skip
    assert steps == [1, 1]  # an epoch of 20 batches of 4 images
    _, card, _ = load_checkpoint(tmp_path / "tune" / "model.safetensors")
    assert card.classes == ("glioma", "meningioma", "notumor", "pituitary")
    assert card.preparation["size"] == 64
    assert card.commands == ("python -m experiments.b1.recipe SHARED_DATA OUT",)
