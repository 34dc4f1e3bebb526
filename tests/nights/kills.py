"""Kill scans and resume them: their outputs must equal those of an uninterrupted scan.

    python -m tests.nights.kills [KILLS] [SERIES] [SEED]

Every kill uses a fresh output and happens at a random moment, inside a PNG, before a rename, or
before a commit. The scan is resumed, sometimes killed again, and finally completed.
"""

import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from batchmri.model.card import Card
from batchmri.model.checkpoint import save_checkpoint
from batchmri.model.network import ClassMapNetwork
from tests.pipeline.builders import write_series
from tests.pipeline.outputs import contents

_POINTS = ("commit", "png", "rename", "moment")


def make_archive(folder: Path, n_series: int) -> Path:
    for number in range(n_series):
        study = f"study-{number // 2}"
        write_series(folder / study, study, f"series-{number}", n=5)
    return folder


def make_model(folder: Path) -> Path:
    torch.manual_seed(7)
    card = Card(
        classes=("glioma", "meningioma", "notumor", "pituitary"),
        no_tumor_class="notumor",
        preparation={"size": 64},
    )
    path = folder / "model.safetensors"
    save_checkpoint(path, ClassMapNetwork(4), card)
    return path


def run(archive: Path, out: Path, model: Path, *planted: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.nights.driver", archive, out, model, *planted]
    return subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def killed_run(
    archive: Path,
    out: Path,
    model: Path,
    point: str,
    dice: random.Random,
    seconds: float,
    most_calls: int,
) -> int:
    """Run a scan that is killed; returns its exit code (-9 if the kill hit it)."""
    if point != "moment":
        return run(archive, out, model, point, dice.randint(1, most_calls)).wait()
    process = run(archive, out, model)
    time.sleep(dice.uniform(0, seconds))
    process.kill()
    return process.wait()


def check(n_kills: int, n_series: int, seed: int) -> int:
    """Run the kills; returns how many hit a running scan. Raises AssertionError on a difference."""
    dice = random.Random(seed)
    hits = 0
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        archive, model = make_archive(base / "archive", n_series), make_model(base)
        start = time.monotonic()
        assert run(archive, base / "reference", model).wait() == 0
        seconds = time.monotonic() - start
        expected = contents(base / "reference")
        for number in range(n_kills):
            point, out = _POINTS[number % len(_POINTS)], base / "out"
            chance = (dice, seconds, n_series)
            codes = [killed_run(archive, out, model, point, *chance)]
            while dice.random() < 0.3:
                codes.append(killed_run(archive, out, model, "moment", *chance))
            hits += codes.count(-9)
            assert run(archive, out, model).wait() == 0
            found = contents(out)
            differing = sorted(
                path for path in found.keys() | expected if found.get(path) != expected.get(path)
            )
            assert not differing, (number, point, codes, differing)
            left = [str(path) for path in out.rglob("*.tmp")]
            assert not left, left
            print(f"{number + 1}: {point}, exit codes {codes}, then the same bytes", flush=True)
            shutil.rmtree(out)
    return hits


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    kills, series, seed = (*given, *(50, 60, 1)[len(given) :])
    print(f"{check(kills, series, seed)} kills hit a running scan")
