"""Slices per second from files to tables, compared with a plain MONAI script.

    python -m benchmarks.end_to_end [--series 12] [--pairs 5] [--precision fp32 bf16]

Runs `batchmri scan` and benchmarks/plain_monai.py on made-up archives, alternating. Both run on one
series and on several, and the rates are those of the slices beyond the first series, from start to
exit: imports, loading the network and other costs that do not grow with the archive are in `start`,
the seconds of a scan of one series. Ratios are medians of the pairs.

There are two limits, measured in every pair: `network`, the bare backend on prepared slices; and
`sum`, the bare costs of decoding, preparation and network together, on all cores. `waiting` is the
share of the stage `classify` in which the backend has nothing to do.
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


class BareNetwork:
    """The backend alone, on prepared slices in memory."""

    def __init__(self, precision: str, n: int = 256) -> None:
        weights, card, _ = read_weights(SHIPPED)
        chosen = choose(
            ClassifierSettings.model_validate({"device": "cpu", "precision": precision})
        )
        self._backend = load_backend(weights, card, chosen)
        shape = (n, 1, card.preparation["size"], card.preparation["size"])
        self._images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        self.rate()

    def rate(self) -> float:
        """Slices per second."""
        n, size, start = len(self._images), self._backend.batch_size, time.perf_counter()
        for at in range(0, n, size):
            self._backend.run(self._images[at : at + size])
        return n / (time.perf_counter() - start)


class Comparison:
    """Runs of one kind of archive."""

    def __init__(self, base: Path, kind: str, n_series: int) -> None:
        self.base, self.kind = base, kind
        self.sizes = {"one": 1, "few": _PLAIN_SERIES, "all": n_series}
        for name, n in self.sizes.items():
            make(base / name, kind, n)
        self.slices = (n_series - 1) * SLICES
        self.plain_slices = (_PLAIN_SERIES - 1) * SLICES
        self.n_cores = len(os.sched_getaffinity(0))
        self.plain_one = plain(base / "one", base / "plain-one")

    def pairs(self, n_pairs: int, networks: dict[str, BareNetwork]) -> None:
        """Print a row per precision."""
        one = {p: scan(self.base / "one", self.base / f"one-{p}", p) for p in networks}
        rows: dict[str, list[tuple[float, ...]]] = {precision: [] for precision in networks}
        for pair in range(n_pairs):
            spent = plain(self.base / "few", self.base / f"plain-{pair}") - self.plain_one
            theirs = self.plain_slices / spent
            # All cores decode and prepare.
            reading_s = bare_s(self.base / "all") / self.slices / self.n_cores
            for precision, network in networks.items():
                out = self.base / f"all-{precision}-{pair}"
                spent, stage = scan(self.base / "all", out, precision) - one[precision]
                rate, bare = self.slices / spent, network.rate()
                both = 1 / (1 / bare + reading_s)
                waiting = max(0.0, 1 - self.slices / stage / bare)
                found = (rate, theirs, rate / theirs, bare, rate / bare, both, rate / both, waiting)
                rows[precision].append(found)
        for precision, row in rows.items():
            rate, theirs, faster, bare, of_bare, both, of_both, waiting = (
                statistics.median(column) for column in zip(*row, strict=True)
            )
            print(
                f"| {self.kind} | {precision} | {one[precision][0]:.1f} | {rate:.1f} "
                f"| {theirs:.1f} | {faster:.1f} | {bare:.1f} | {of_bare:.2f} "
                f"| {both:.1f} | {of_both:.2f} | {waiting:.0%} |",
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
    networks = {precision: BareNetwork(precision) for precision in options.precision}
    print(
        "| archive | precision | start (s) | batchmri | plain MONAI | ratio | network | ratio "
        "| sum | ratio | waiting |\n|" + "---|" * 11
    )
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as name:
            Comparison(Path(name), kind, options.series).pairs(options.pairs, networks)


if __name__ == "__main__":
    main()
