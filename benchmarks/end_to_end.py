"""Slices per second from files to tables, compared with a plain MONAI script.

    python -m benchmarks.end_to_end [--series 12] [--pairs 5] [--precision fp32 bf16]

Runs `batchmri scan` and benchmarks/plain_monai.py on made-up archives, alternating. Both run on one
series and on several, and the rates are those of the slices beyond the first series, from start to
exit: imports, loading the network and other costs that do not grow with the archive are in `start`,
the seconds of a scan of one series. Ratios are medians of the pairs.

There are two limits: `network`, the bare backend on prepared slices; and `sum`, the bare costs of
decoding, preparation and network together, on all cores. `waiting` is the share of the stage
`classify` in which the backend has nothing to do.
"""

import argparse
import json
import os
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
from benchmarks.stages import bare_s

_PLAIN_SERIES = 3  # the plain script takes several times as long


def seconds_of(*command: object) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True)
    return time.perf_counter() - start


def scan(archive: Path, out: Path, precision: str) -> np.ndarray:
    """Return the seconds of a scan, and of its stage `classify`."""
    options = ("--precision", precision, "--device", "cpu")
    spent = seconds_of("-m", "batchmri", "scan", archive, "--out", out, *options)
    report = json.loads((out / "run.json").read_text(encoding="utf-8"))
    return np.array([spent, report["seconds"]["classify"]])


def plain(archive: Path, out: Path) -> float:
    return seconds_of("-m", "benchmarks.plain_monai", archive, out)


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


class Comparison:
    """Runs of one kind of archive."""

    def __init__(self, base: Path, kind: str, n_series: int) -> None:
        self.base, self.kind = base, kind
        self.sizes = {"one": 1, "few": _PLAIN_SERIES, "all": n_series}
        for name, n in self.sizes.items():
            make(base / name, kind, n)
        self.slices = (n_series - 1) * SLICES
        self.plain_slices = (_PLAIN_SERIES - 1) * SLICES
        n_cores = len(os.sched_getaffinity(0))
        self.reading_s = bare_s(base / "all") / self.slices / n_cores  # all cores decode
        self.plain_one = plain(base / "one", base / "plain-one")

    def pairs(self, n_pairs: int, rates: dict[str, float]) -> None:
        """Print a row per precision."""
        one = {p: scan(self.base / "one", self.base / f"one-{p}", p) for p in rates}
        ours: dict[str, list[np.ndarray]] = {precision: [] for precision in rates}
        theirs: list[float] = []
        for pair in range(n_pairs):
            for precision in rates:
                out = self.base / f"all-{precision}-{pair}"
                ours[precision].append(scan(self.base / "all", out, precision) - one[precision])
            spent = plain(self.base / "few", self.base / f"plain-{pair}") - self.plain_one
            theirs.append(self.plain_slices / spent)
        for precision, bare in rates.items():
            found = [self.slices / seconds for seconds in ours[precision]]
            rate, stage = (statistics.median(column) for column in zip(*found, strict=True))
            ratio = statistics.median(o[0] / t for o, t in zip(found, theirs, strict=True))
            both = 1 / (1 / bare + self.reading_s)
            print(
                f"| {self.kind} | {precision} | {one[precision][0]:.1f} | {rate:.1f} "
                f"| {statistics.median(theirs):.1f} | {ratio:.1f} | {bare:.1f} | {rate / bare:.2f} "
                f"| {both:.1f} | {rate / both:.2f} | {max(0.0, 1 - stage / bare):.0%} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"])
    options = parser.parse_args()
    print(f"{machine()}; {options.series} series of {SLICES} slices, {options.pairs} pairs\n")
    rates = {precision: bare_rate(precision) for precision in options.precision}
    print(
        "| archive | precision | start (s) | batchmri | plain MONAI | ratio | network | ratio "
        "| sum | ratio | waiting |\n|" + "---|" * 11
    )
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as name:
            Comparison(Path(name), kind, options.series).pairs(options.pairs, rates)


if __name__ == "__main__":
    main()
