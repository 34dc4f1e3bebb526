import os
import signal
import time
from collections.abc import Sequence
from multiprocessing import forkserver
from pathlib import Path

from batchmri.pipeline.workers import WorkerPool


def told_and_slow(items: Sequence[Path]) -> list[int]:
    """Tells whose hands the first item is in, and takes its time."""
    items[0].joinpath(str(os.getpid())).touch()
    time.sleep(0.5)
    return [os.getpid()] * len(items)


def test_sigterm_to_all_processes_ends_no_worker(tmp_path: Path) -> None:
    with WorkerPool(1, timeout_s=60) as pool:
        task = pool.submit(told_and_slow, [tmp_path])
        while not (seen := list(tmp_path.iterdir())):
            time.sleep(0.01)
        worker = int(seen[0].name)
        server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
        for pid in (server, worker):
            os.kill(pid, signal.SIGTERM)
        assert list(pool.gather(task)) == [worker]
        (later,) = pool.gather(pool.submit(told_and_slow, [tmp_path]))
    assert isinstance(later, int)
