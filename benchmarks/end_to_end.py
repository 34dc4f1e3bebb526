"""Slices per second from files to tables, compared with a plain MONAI script.

    python -m benchmarks.end_to_end [--series 10] [--pairs 5] [--precision fp32 bf16]

Compares `batchmri scan`, from start to exit, with benchmarks/plain_monai.py on the same generated
archive, alternating. The limits are the bare backend on prepared slices, and reading the files and
nothing else. Ratios are medians of the pairs. `waiting` is the share of the stage `classify` in
which the backend has nothing to do: 1 − (slices / rate of the bare backend) / seconds of the stage.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from batchmri.model.backends.registry import choose, load_backend
from batchmri.model.card import SHIPPED
from batchmri.model.weights import read_weights
from batchmri.settings.classifier import ClassifierSettings
from benchmarks.archives import KINDS, SLICES, machine, make


def seconds_of(*command: object) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True)
    return time.perf_counter() - start


def scan(archive: Path, out: Path, precision: str) -> tuple[float, float]:
    """Return the seconds of a scan, and of its stage `classify`."""
    options = ("--precision", precision, "--device", "cpu")
    spent = seconds_of("-m", "batchmri", "scan", archive, "--out", out, *options)
    report = json.loads((out / "run.json").read_text(encoding="utf-8"))
    return spent, report["seconds"]["classify"]


def bare_rate(precision: str, n: int = 256) -> float:
    """Slices per second of the backend alone; the best of three rounds."""
    weights, card, _ = read_weights(SHIPPED)
    chosen = choose(ClassifierSettings.model_validate({"device": "cpu", "precision": precision}))
    backend = load_backend(weights, card, chosen)
    side = card.preparation["size"]
    images = np.random.default_rng(0).uniform(-1, 1, (n, 1, side, side)).astype(np.float32)
    size, best = backend.batch_size, 0.0
    backend.run(images[:size])
    for _ in range(3):
        start = time.perf_counter()
        for at in range(0, n, size):
            backend.run(images[at : at + size])
        best = max(best, n / (time.perf_counter() - start))
    return best


def reading_rate(archive: Path, n: int) -> float:
    start = time.perf_counter()
    for path in archive.rglob("*"):
        if path.is_file():
            path.read_bytes()
    return n / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"])
    options = parser.parse_args()
    n = options.series * SLICES
    print(f"{machine()}; {options.series} series of {SLICES} slices, {options.pairs} pairs\n")
    rates = {precision: bare_rate(precision) for precision in options.precision}
    print(
        "| archive | precision | batchmri | plain MONAI | ratio | classify | bare backend | ratio "
        "| waiting | reading |\n|" + "---|" * 10
    )
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as name:
            base = Path(name)
            make(base / "archive", kind, options.series)
            disk = reading_rate(base / "archive", n)
            for precision in options.precision:
                ours, plain, stages = [], [], []
                for pair in range(options.pairs):
                    spent, stage = scan(base / "archive", base / f"{precision}-{pair}", precision)
                    ours.append(spent)
                    stages.append(stage)
                    out = base / f"plain-{precision}-{pair}"
                    plain.append(seconds_of("-m", "benchmarks.plain_monai", base / "archive", out))
                ratio = statistics.median(p / o for p, o in zip(plain, ours, strict=True))
                mine, theirs, stage = map(statistics.median, (ours, plain, stages))
                bare = rates[precision]
                print(
                    f"| {kind} | {precision} | {n / mine:.1f} | {n / theirs:.1f} | {ratio:.1f} "
                    f"| {n / stage:.1f} | {bare:.1f} | {n / stage / bare:.2f} "
                    f"| {max(0.0, 1 - n / bare / stage):.0%} | {disk:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
