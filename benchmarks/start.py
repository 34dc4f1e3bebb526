"""Seconds from start to exit of short commands: python -m benchmarks.start [RUNS].

The first scan converts the network; later ones find it in the cache. The median of RUNS (default 5)
is printed, with the CPU time of the process and its children.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.archives import machine, make
from tests.pipeline.builders import write_series


def measure(environment: dict[str, str], *command: object) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "batchmri", *map(str, command)],
        env=environment,
        check=True,
        capture_output=True,
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"{machine()}; median of {runs}\n\n| command | seconds | CPU seconds |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        environment = dict(os.environ, XDG_CACHE_HOME=str(base / "cache"))
        write_series(base / "ten", n=10)
        make(base / "one", "dicom", 1)

        def row(what: str, *commands: tuple[object, ...]) -> None:
            spent = [measure(environment, *command) for command in commands]
            wall, cpu = (statistics.median(column) for column in zip(*spent, strict=True))
            print(f"| {what} | {wall:.2f} | {cpu:.2f} |", flush=True)

        row("`--help`", *[("--help",)] * runs)
        row("`scan --dry-run` of ten files", *[("scan", base / "ten", "--dry-run")] * runs)
        scan = ("scan", base / "one", "--out")
        row("scan of one series of 24 slices, network not in the cache", (*scan, base / "cold"))
        outs = [base / f"out-{run}" for run in range(runs)]
        row("scan of one series of 24 slices", *((*scan, out) for out in outs))
        row("scan with nothing new", *((*scan, out) for out in outs))


if __name__ == "__main__":
    main()
