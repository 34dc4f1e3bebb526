"""Drawing of series in workers."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchmri.errors import OutputError
from batchmri.outputs.paths import strip_paths
from batchmri.pipeline.draw import Volume, with_volume
from batchmri.pipeline.draw_series import Drawings, DrawTask, _draw
from batchmri.pipeline.engines.base import FinishedSeries
from batchmri.pipeline.engines.worker_pool import Task
from batchmri.pipeline.scan import scan
from batchmri.reasons import Reason, Status
from batchmri.records import SeriesResult
from batchmri.settings import Settings
from batchmri.settings.report import ReportSettings
from tests.pipeline import planted
from tests.pipeline.builders import write_series
from tests.pipeline.outputs import contents
from tests.pipeline.test_draw import CLASSES, GLIOMA, OPEN_KIND, SERIES, header, slice_scores

FINISHED = FinishedSeries(SeriesResult(SERIES, Status.CLASSIFIED))


def task(output: Path, **changes: Any) -> DrawTask:
    scores = tuple(map(slice_scores, range(4)))
    pixels = {index: np.full((64, 64), 100.0 + index, np.float32) for index in range(4)}
    maps = np.random.default_rng(0).uniform(0, 9, (4, 3, 4, 4)).astype(np.float32)
    made = DrawTask(
        SERIES, header(), "drawn as", GLIOMA, scores, maps, np.zeros(3, np.float32), pixels, (1, 2),
        CLASSES, ReportSettings(), output,
    )  # fmt: skip
    return replace(made, **changes)


class LazyPool:
    """A pool that finishes a task only when its result is requested."""

    processes = 2

    def submit(self, function: Any, items: Any, *, unreadable: Reason) -> Task:
        return Task(function, items, unreadable, Future())

    def gather(self, task: Task) -> Iterator:
        return iter(task.function(task.items))


def test_series_are_returned_with_their_pictures(tmp_path: Path) -> None:
    drawings = Drawings(LazyPool(), max_bytes=1 << 30)
    drawings.add(FINISHED, task(tmp_path))
    assert not list(drawings.finished())
    (finished,) = drawings.rest()
    assert [index for index, _ in finished.result.pictures] == [1, 2]
    assert finished.result.picture_class == with_volume("drawn as", Volume.NONE)
    for _, path in finished.result.pictures:
        assert (tmp_path / path).stat().st_size > 10_000
    assert len(list(tmp_path.rglob("*.jpg"))) == 2, "strip and thumbnail of the report"


def test_only_a_bounded_number_of_series_waits_to_be_drawn(tmp_path: Path) -> None:
    drawings, done = Drawings(LazyPool(), max_bytes=1 << 30), 0
    for number in range(1, 9):
        drawings.add(FINISHED, task(tmp_path, wanted=(), rules=ReportSettings(html=False)))
        done += len(list(drawings.finished()))
        assert done == max(0, number - 4)
    assert len(list(drawings.rest())) == 4


def test_only_a_bounded_memory_waits_to_be_drawn(tmp_path: Path) -> None:
    one = task(tmp_path, wanted=(), rules=ReportSettings(html=False))
    drawings = Drawings(LazyPool(), max_bytes=2 * one.n_bytes)
    for _ in range(3):
        drawings.add(FINISHED, one)
    assert drawings.n_bytes == 3 * 4 * 64 * 64 * 4
    assert len(list(drawings.finished())) == 1


def test_an_output_that_cannot_be_written_ends_the_scan(tmp_path: Path) -> None:
    drawings = Drawings(LazyPool(), max_bytes=1 << 30)
    (tmp_path / "gradcam").write_text("a file where a folder belongs")
    drawings.add(FINISHED, task(tmp_path))
    with pytest.raises(OutputError, match="gradcam"):
        list(drawings.rest())


def test_an_open_kind_shows_the_heat_of_all_tumors(tmp_path: Path) -> None:
    shown = task(tmp_path / "kind")
    _draw(shown)
    _draw(replace(shown, output=tmp_path / "open", verdict=OPEN_KIND))
    strips = strip_paths(SERIES.key)
    for path, same in ((strips.slices, True), (strips.heat, False)):
        kind, open_kind = ((tmp_path / name / path).read_bytes() for name in ("kind", "open"))
        assert (kind == open_kind) == same


def test_a_series_whose_worker_crashes_is_drawn_by_the_scan(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path / "archive")
    scan([tmp_path / "archive"], out=tmp_path / "expected", settings=settings)
    crash = planted.crashes_while_drawing
    monkeypatch.setattr("batchmri.pipeline.draw_series.draw_series", crash)
    assert scan([tmp_path / "archive"], out=tmp_path / "out", settings=settings).exit_code == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")


@pytest.mark.slow
def test_workers_end_with_a_killed_scan() -> None:
    """Even a worker that is busy, so that it does not write while the next scan does."""
    code = """
import os, signal
from batchmri.pipeline.engines.worker_pool import WorkerPool
from tests.pipeline.planted import sleeps
reading, writing = os.pipe()
pool = WorkerPool(1, 60)
pool.submit(sleeps, (f"/proc/{os.getpid()}/fd/{writing}",))
print(os.read(reading, 16).decode(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    assert done.returncode == -9 and done.stdout.strip()
    with suppress(ProcessLookupError):  # it has already ended
        worker = os.pidfd_open(int(done.stdout))
        assert select.select([worker], [], [], 10)[0]
