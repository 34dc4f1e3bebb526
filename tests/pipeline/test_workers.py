import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from batchmri.pipeline.processes import SERVER
from batchmri.pipeline.workers import WorkerPool


def told_and_slow(items: Sequence[Path]) -> list[int]:
    """Tells whose hands the first item is in, and takes its time."""
    items[0].joinpath(str(os.getpid())).touch()
    time.sleep(0.5)
    return [os.getpid()] * len(items)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_ends_no_worker(tmp_path: Path, number: signal.Signals) -> None:
    with WorkerPool(1, timeout_s=60) as pool:
        task = pool.submit(told_and_slow, [tmp_path])
        while not (seen := list(tmp_path.iterdir())):
            time.sleep(0.01)
        worker = int(seen[0].name)
        for pid in (SERVER._forkserver_pid, worker):  # type: ignore[attr-defined]
            os.kill(pid, number)
        assert list(pool.gather(task)) == [worker]
        (later,) = pool.gather(pool.submit(told_and_slow, [tmp_path]))
    assert isinstance(later, int)


def numbered(items: Sequence[int]) -> list[int]:
    return [item + 1 for item in items]


def test_pools_in_several_threads_do_not_disturb_each_other() -> None:
    def count(start: int) -> list[object]:
        with WorkerPool(1, timeout_s=60) as pool:
            return list(pool.gather(pool.submit(numbered, [start, start + 1])))

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(count, (0, 10, 20))) == [[1, 2], [11, 12], [21, 22]]


def test_a_pool_that_is_closed_while_it_starts_leaves_no_traceback() -> None:
    """Workers that were still starting found their locks gone."""
    script = """
from batchmri.pipeline.workers import WorkerPool
from tests.pipeline.test_workers import numbered
for _ in range(10):
    with WorkerPool(4, timeout_s=60) as pool:
        pool.submit(numbered, [1])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_a_busy_pool_is_closed_at_once(tmp_path: Path) -> None:
    with WorkerPool(1, timeout_s=60) as pool:
        pool.submit(sleeps, [tmp_path])
        while not list(tmp_path.iterdir()):
            time.sleep(0.01)
        worker = int(next(tmp_path.iterdir()).name)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def sleeps(items: Sequence[Path]) -> list[None]:
    items[0].joinpath(str(os.getpid())).touch()
    time.sleep(600)
    return [None]
