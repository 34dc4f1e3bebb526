"""Measure the peak memory of a scan, which must not grow with the number of files.

    python -m benchmarks.memory [FILES ...]          (default 1000 10000 100000)

Scans archives of small artificial series, of which one in ten is T1 and therefore classified, in a
separate process, with the network replaced by simple arithmetic (tests/nights/driver.py). Prints a
table of the peak resident set size of that process, and writes a chart to memory.png in the current
folder.
"""

import math
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from pydicom.filebase import DicomBytesIO
from pydicom.uid import generate_uid

from benchmarks.processes import run
from tests.nights.kills import make_model
from tests.pipeline.builders import head, instance

_SLICES = 5
_SERIES_PER_STUDY = 2
_CLASSIFIED = 10  # every tenth series is T1


def _template() -> tuple[list[bytes], dict[str, str]]:
    """Return the files of one series, and the UIDs in them to be replaced for each series."""
    contents = []
    for number in range(_SLICES):
        ds = instance("study", "series", number, head(32, 32, seed=number))
        buffer = DicomBytesIO()
        ds.save_as(buffer, enforce_file_format=True)
        contents.append(buffer.getvalue())
    return contents, {"study": ds.StudyInstanceUID, "series": ds.SeriesInstanceUID}


def make_archive(folder: Path, n_files: int) -> None:
    contents, uids = _template()
    for number in range(n_files // _SLICES):
        study = folder / f"{number // 200}" / f"{number // _SERIES_PER_STUDY}"
        study.mkdir(parents=True, exist_ok=True)
        swaps = {
            uids["study"]: _uid(uids["study"], f"study {number // _SERIES_PER_STUDY}"),
            uids["series"]: _uid(uids["series"], f"series {number}"),
        }
        for place, content in enumerate(contents):
            for before, after in swaps.items():
                content = content.replace(before.encode(), after.encode())
            if number % _CLASSIFIED:
                content = content.replace(b"AX T1", b"AX T2")
            (study / f"{number}-{place}").write_bytes(content)


def _uid(like: str, name: str) -> str:
    """Return a UID as long as `like`, so that no length in the file changes."""
    made = generate_uid(prefix="1.2.3.", entropy_srcs=[name])
    return made[: len(like)].ljust(len(like), "1")


def measure(n_files: int) -> tuple[float, float]:
    """Return the peak resident set size (MB) and the duration (s) of a scan."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        make_archive(base / "archive", n_files)
        model = make_model(base)
        seconds, peak = run(
            sys.executable, "-m", "tests.nights.driver", base / "archive", base / "out", model
        )
        return peak, seconds


def draw(points: list[tuple[int, float]], path: str) -> None:
    """Draw peak memory (MB, from 0) by number of files (logarithmic) to a PNG."""
    canvas = np.full((320, 520, 3), 255, np.uint8)
    most = 1.3 * max(peak for _, peak in points)
    first, last = math.log10(points[0][0]), math.log10(points[-1][0])
    place = [
        (
            60 + round(400 * (math.log10(n) - first) / max(last - first, 1e-9)),
            280 - round(240 * peak / most),
        )
        for n, peak in points
    ]
    cv2.line(canvas, (60, 280), (480, 280), (0, 0, 0))
    cv2.line(canvas, (60, 280), (60, 30), (0, 0, 0))
    cv2.polylines(canvas, [np.array(place, np.int32)], False, (180, 80, 20), 2, cv2.LINE_AA)
    for (x, y), (n, peak) in zip(place, points, strict=True):
        cv2.circle(canvas, (x, y), 4, (180, 80, 20), -1, cv2.LINE_AA)
        for text, at in ((f"{peak:.0f} MB", (x - 30, y - 10)), (f"{n} files", (x - 40, 300))):
            cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.imwrite(path, canvas)


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[1:]] or [1000, 10_000, 100_000]
    print("| files | peak MB | seconds |\n|---|---|---|")
    measured = []
    for count in counts:
        peak, seconds = measure(count)
        measured.append((count, peak))
        print(f"| {count} | {peak:.0f} | {seconds:.0f} |", flush=True)
    draw(measured, "memory.png")
