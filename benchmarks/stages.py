"""CPU time per slice of the main process and of the workers, with a network that takes no time.

    python -m benchmarks.stages [--series 10] [--kinds nifti dicom jpeg2000] [--side 256]

Scans an archive of N series and one of 4 N series with the backend `stub` of this file, and shows
the difference of their CPU times per slice, so that the fixed cost of a scan is not included: of
the main process by stage, and of the workers in the stage `classify`. `bare` is the CPU time of
decoding and preparing the same slices in a plain loop. Memory is the peak of the larger scan.
Without pictures (`none`) the HTML report is not written either; `default` are the deciding slices,
the report and montages. CPU time depends less than wall time on other programs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from batchmri.archive.assembly import assemble
from batchmri.formats.decode import DecodeTask, decode
from batchmri.formats.header_context import HeaderContext
from batchmri.formats.read_headers import read_headers
from batchmri.model.card import SHIPPED, read_card
from batchmri.pipeline.run.run_report import RunReport
from batchmri.pipeline.scan import scan
from batchmri.preparation.transforms import PreparationSettings, prepare_slice
from batchmri.records import FileEntry
from batchmri.settings import Settings
from benchmarks.archives import KINDS, SLICES, machine, make

_STAGES = ("index", "plan", "classify", "export")
_MEGABYTE = 1 << 20
_GROWTH = 4
_BATCH = 32  # small, so that the memory of batches is used again in the smaller scan too
_HAS_VERDICT = {"max_distance": 1e9, "brain_distance": 1e9, "min_t1": 0.0}
"""Rules that accept the generated features of the stub, so that heat maps are drawn."""


class StubBackend:
    """Returns the same class maps and features for every slice: a spot of the first class."""

    device, precision, uses_weights = "cpu", "fp32", True
    available = staticmethod(lambda: True)
    devices = staticmethod(lambda: ("cpu",))
    precisions = staticmethod(lambda device: ("fp32",))

    def __init__(self, size: int, n_classes: int, batch_size: int) -> None:
        self.batch_size, self.bias = batch_size, np.zeros(n_classes, np.float32)
        side = size // 16
        self._maps = np.zeros((batch_size, n_classes, side, side), np.float32)
        self._maps[:, 0, side // 2, side // 2] = 8.0 * side * side
        self._features = np.zeros((batch_size, 1504), np.float32)

    @classmethod
    def create(cls, network, size, device, precision, batch_size):  # type: ignore[no-untyped-def]
        return cls(size, len(network.card.classes), batch_size or _BATCH)

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._maps[: len(batch)], self._features[: len(batch)]


def _workers() -> list[Path]:
    """The folders in /proc of all processes that this one started, directly or indirectly."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with open_or_gone(stat) as text:
            if text:
                parents[int(stat.parent.name)] = int(text.rpartition(")")[2].split()[1])
    found, all_found = [os.getpid()], []
    while found:
        found = [pid for pid, parent in parents.items() if parent in found]
        all_found += found
    return [Path("/proc", str(pid)) for pid in all_found]


@contextmanager
def open_or_gone(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        text = ""
    yield text


def _worker_cpu_s() -> float:
    ticks = 0
    for folder in _workers():
        with open_or_gone(folder / "stat") as text:
            fields = text.rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:13])) if fields else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _peak_mb(folder: Path) -> float:
    with open_or_gone(folder / "status") as text:
        kilobytes = [int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line]
        return kilobytes[0] / 1024 if kilobytes else 0.0


def measure_scan(archive: Path, out: Path, pictures: str) -> None:
    """Run a scan in this process, and print its CPU seconds and peak memory as JSON."""
    main: dict[str, float] = {}
    workers: dict[str, float] = {}
    peaks = [0.0]

    @contextmanager
    def measured(report: RunReport, name: str) -> Iterator[None]:
        before = time.process_time(), _worker_cpu_s()
        with stage(report, name):
            yield
        main[name] = time.process_time() - before[0]
        workers[name] = _worker_cpu_s() - before[1]
        peaks.extend(map(_peak_mb, _workers()))

    stage = RunReport.stage
    RunReport.stage = measured  # type: ignore[method-assign, assignment]
    report = {"gradcam": "none", "html": False} if pictures == "none" else {}
    chosen = {"classifier": {"backend": "stub"}, "verdict": _HAS_VERDICT, "report": report}
    outcome = scan([archive], out=out, settings=Settings.model_validate(chosen))
    assert outcome.exit_code == 0
    peak = _peak_mb(Path("/proc/self"))
    print(json.dumps({"main": main, "workers": workers, "peaks": [peak, max(peaks)]}))


def bare_s(archive: Path) -> float:
    """CPU seconds of decoding and preparing all slices, in a plain loop."""
    cv2.setNumThreads(1)
    settings = PreparationSettings.model_validate(read_card(SHIPPED).preparation)
    into = np.empty((settings.size, settings.size), np.float32)
    files = sorted(path for path in archive.rglob("*") if path.is_file())
    entries = [FileEntry(p.name, str(p), p.stat().st_size, 0) for p in files]
    studies = assemble(read_headers(entries, HeaderContext(b"key")), {})
    spent = 0.0
    for number, series in enumerate(one for study in studies for one in study.series):
        start = time.process_time()
        for path, refs in groupby(series.slices, key=lambda ref: ref.path):
            frames = tuple(ref.frame for ref in refs)
            task = DecodeTask(
                series.format, path, frames, series.slice_axis, series.display, 1 << 31
            )
            for pixels in decode(task).slices:
                assert isinstance(pixels, np.ndarray)
                prepare_slice(pixels, series.shown_spacing, settings, into)
        spent += time.process_time() - start if number else 0.0  # the first one imports decoders
    return spent


def run(archive: Path, out: Path, pictures: str, environment: dict[str, str]) -> dict[str, dict]:
    command = [sys.executable, "-m", "benchmarks.stages", "--scan", archive, out, pictures]
    done = subprocess.run(
        list(map(str, command)), env=environment, check=True, stdout=subprocess.PIPE
    )
    found: dict[str, dict] = json.loads(done.stdout.splitlines()[-1])
    return found


def install(folder: Path) -> dict[str, str]:
    """Install the stub as a backend of another package; returns the environment that finds it."""
    metadata = folder / "stub-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Name: stub\nVersion: 1.0\n", encoding="utf-8")
    entry = "[batchmri.backends]\nstub = benchmarks.stages:StubBackend\n"
    (metadata / "entry_points.txt").write_text(entry, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}


def row(base: Path, kind: str, pictures: str, environment: dict[str, str], n: int) -> str:
    once, more = (
        run(base / f"{kind}-{size}", base / f"out-{kind}-{size}-{pictures}", pictures, environment)
        for size in (n, _GROWTH * n)
    )
    slices = (_GROWTH - 1) * n * SLICES

    def per_slice(who: str, stage: str) -> float:
        """Milliseconds."""
        return 1000 * (more[who][stage] - once[who][stage]) / slices

    main = [per_slice("main", stage) for stage in _STAGES]
    workers = per_slice("workers", "classify")
    bare = 1000 * bare_s(base / f"{kind}-{n}") / ((n - 1) * SLICES)
    cells = [*main, sum(main), workers, bare, workers / bare]
    return (
        " | ".join([kind, pictures, *(f"{cell:.2f}" for cell in cells)])
        + " | "
        + " | ".join(f"{peak:.0f}" for peak in more["peaks"])
    )


def main() -> None:
    if sys.argv[1:2] == ["--scan"]:
        archive, out, pictures = sys.argv[2:]
        measure_scan(Path(archive), Path(out), pictures)
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--pictures", nargs="+", default=["none", "default"])
    parser.add_argument("--side", type=int, default=256, help="rows and columns of a slice")
    options = parser.parse_args()
    print(f"{machine()}; slices of {options.side} × {options.side} pixels\n")
    print(
        "| archive | pictures | "
        + " | ".join(f"{stage} (ms)" for stage in _STAGES)
        + " | main process (ms) | workers (ms) | bare (ms) | ratio | main (MB) | a worker (MB) |\n|"
        + "---|" * 12
    )
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        environment = install(base / "stub")
        for kind in options.kinds:
            for size in (options.series, _GROWTH * options.series):
                make(base / f"{kind}-{size}", kind, size, options.side)
            for pictures in options.pictures:
                cells = row(base, kind, pictures, environment, options.series)
                print(f"| {cells} |", flush=True)


if __name__ == "__main__":
    main()
