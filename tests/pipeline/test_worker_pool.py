import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from batchmri.pipeline.engines import worker_pool as workers
from batchmri.pipeline.engines import worker_server
from batchmri.pipeline.engines.worker_pool import Lost, WorkerPool
from batchmri.pipeline.engines.worker_server import SERVER
from batchmri.reasons import Reason


class UnpicklableError(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, one: object, two: object) -> None:
        super().__init__(one)


def faulty(items: Sequence[str]) -> list[str]:
    """Fail in the way that each item names."""
    (item,) = items
    if item == "nested":
        return faulty(items)
    if item == "unpicklable":
        raise UnpicklableError(1, 2)
    if item == "panic":
        raise BaseException("not an Exception")
    if item == "memory":
        raise MemoryError
    if item == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while True:  # like a decoder in C, which runs no Python signal handlers
            time.sleep(60)
    return [item]


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(1, timeout_s=1) as made:
        yield made


def record_and_sleep(items: Sequence[Path]) -> list[int]:
    """Record the process of the first item, and sleep."""
    items[0].joinpath(str(os.getpid())).touch()
    time.sleep(0.5)
    return [os.getpid()] * len(items)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_ends_no_worker(tmp_path: Path, number: signal.Signals) -> None:
    with WorkerPool(1, timeout_s=60) as pool:
        task = pool.submit(record_and_sleep, [tmp_path])
        while not (seen := list(tmp_path.iterdir())):
            time.sleep(0.01)
        worker = int(seen[0].name)
        for pid in (SERVER._forkserver_pid, worker):  # type: ignore[attr-defined]
            os.kill(pid, number)
        assert list(pool.gather(task)) == [worker]
        (later,) = pool.gather(pool.submit(record_and_sleep, [tmp_path]))
    assert isinstance(later, int)


def test_workers_import_nothing_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    server = worker_server._Server()
    server.set_forkserver_preload(["planted"])
    monkeypatch.setattr(worker_server, "SERVER", server)
    for _ in range(2):
        worker = worker_server._Process(target=os.getpid)
        worker.start()
        worker.join()
        assert worker.exitcode == 0
        server_pid = server._forkserver_pid  # type: ignore[attr-defined]
        os.kill(server_pid, signal.SIGKILL)  # then another one is started
        os.waitid(os.P_PID, server_pid, os.WEXITED | os.WNOWAIT)
    assert "PYTHONSAFEPATH" not in os.environ
    server._stop()  # type: ignore[attr-defined]


def numbered(items: Sequence[int]) -> list[int]:
    return [item + 1 for item in items]


def test_pools_in_several_threads_do_not_disturb_each_other() -> None:
    def count(start: int) -> list[object]:
        with WorkerPool(1, timeout_s=60) as pool:
            return list(pool.gather(pool.submit(numbered, [start, start + 1])))

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(count, (0, 10, 20))) == [[1, 2], [11, 12], [21, 22]]


def test_a_pool_that_is_closed_while_it_starts_leaves_no_traceback() -> None:
    """Workers that are still starting find their locks closed."""
    script = """
from batchmri.pipeline.engines.worker_pool import WorkerPool
from tests.pipeline.test_worker_pool import numbered
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


@pytest.mark.parametrize(
    ("item", "reason", "word"),
    [
        ("nested", Reason.BAD_HEADER, "nested"),
        ("unpicklable", Reason.BAD_HEADER, "UnpicklableError"),
        ("panic", Reason.BAD_HEADER, "BaseException"),
        ("memory", Reason.OUT_OF_MEMORY, "memory"),
    ],
)
def test_an_exception_loses_only_its_own_item(pool, item: str, reason: Reason, word: str) -> None:
    items = ["a", item, "b"]
    found = list(pool.gather(pool.submit(faulty, items, unreadable=Reason.BAD_HEADER)))
    assert (found[0], found[2]) == ("a", "b")
    assert isinstance(found[1], Lost)
    assert (found[1].reason, word in found[1].detail) == (reason, True)


def test_the_time_limit_applies_to_each_item_of_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit for the whole task would fail for several slow, but valid files."""
    timers: list[float] = []
    monkeypatch.setattr(signal, "setitimer", lambda _, seconds: timers.append(seconds))
    assert workers._run(faulty, ["a", "memory", "b"], 7.0, Reason.BAD_PIXELS)[::2] == ["a", "b"]
    assert timers == [7.0, 0, 7.0, 0, 7.0, 0]


def test_a_hanging_item_loses_only_itself(pool) -> None:
    found = list(pool.gather(pool.submit(faulty, ["a", "hang", "b"])))
    assert found == ["a", Lost(Reason.DECODER_TIMEOUT, "no answer in 1 s"), "b"]
