"""Nightly runs over many small files: python -m benchmarks.night [FILES ...] [--folder DIR].

For archives of FILES files (default 10000 100000), which are generated once below DIR, it measures
the first run, a run with nothing new, and a run with one new study. The network is replaced by
arithmetic (tests/nights/driver.py), so that only files, headers, state and tables are measured. For
comparison, it runs `find -type f` and a loop that opens every file and reads 8 kB.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.archives import machine
from benchmarks.memory import make_archive
from benchmarks.processes import run
from tests.nights.kills import make_model
from tests.pipeline.builders import write_series


def read_all(archive: Path) -> float:
    start = time.perf_counter()
    for folder, _, names in os.walk(archive):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:  # noqa: PTH118
                file.read(8192)
    return time.perf_counter() - start


def night(base: Path, n_files: int) -> None:
    archive = base / f"archive-{n_files}"
    if not archive.exists():
        make_archive(archive, n_files)
    with tempfile.TemporaryDirectory(dir=base) as name:
        model, out, new = make_model(Path(name)), Path(name) / "out", archive / "new"
        scan = (sys.executable, "-m", "tests.nights.driver", archive, out, model)
        run("find", archive, "-type", "f")  # fills the caches of the file system
        find, _ = run("find", archive, "-type", "f")
        reading = read_all(archive)
        first, peak = run(*scan)
        tables = {path: path.stat().st_mtime_ns for path in out.glob("*.csv")}
        nothing, peak_nothing = run(*scan)
        rewritten = sum(path.stat().st_mtime_ns != at for path, at in tables.items())
        write_series(new, "new study", "t1", n=5)
        try:
            one, _ = run(*scan)
        finally:
            shutil.rmtree(new)
        per_file = (out / "state.db").stat().st_size / n_files
    print(
        f"| {n_files} | {find:.2f} | {reading:.1f} | {first:.1f} | {peak:.0f} | {nothing:.2f} "
        f"| {peak_nothing:.0f} | {rewritten} | {one:.2f} | {per_file:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "night"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print(f"{machine()}\n")
    print(
        "| files | find (s) | open + read (s) | first run (s) | peak (MB) | nothing new (s) "
        "| peak (MB) | tables rewritten | one study new (s) | state.db (bytes per file) |\n|"
        + "---|"
        * 10
    )
    for n_files in options.files:
        night(options.folder, n_files)


if __name__ == "__main__":
    main()
