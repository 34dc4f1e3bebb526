"""Worker processes for reading files; if one hangs or dies, its file fails and the scan goes on.

Workers are forked from a server that imports only the modules that read files.

systemd sends SIGTERM to all processes of a service, and a terminal sends SIGINT to the whole
process group. Workers ignore both signals and are ended by SIGKILL. If the scan is killed, its
workers end at once, so that none writes a picture while the next scan does.

The time limit applies to each file, even if several files are sent to a worker together. A kernel
timer (SIGALRM) ends a worker that exceeds it, even in a decoder that hangs.
"""

import os
import pickle
import resource
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from pebble import ProcessExpired

from batchmri.formats.quiet import silence
from batchmri.pipeline.engines.worker_server import ServerPool
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.reasons import Reason

Item = TypeVar("Item")
Result = TypeVar("Result")
# Memory of a worker: libraries and caches, and copies of the pixels of a file.
_BASE_BYTES = 1 << 30
_COPIES = 3
_NO_MEMORY = "not enough memory in the worker"


@dataclass(frozen=True, slots=True)
class Lost:
    """An item without a result, and the reason."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Task(Generic[Item, Result]):
    """Items submitted to one worker."""

    function: Callable[[Sequence[Item]], Sequence[Result]]
    items: Sequence[Item]
    unreadable: Reason
    future: "Future[Sequence[Result | Lost]]"


class Pool(Protocol):
    """Runs functions on items, such as WorkerPool."""

    processes: int

    def submit(
        self,
        function: Callable[[Sequence[Item]], Sequence[Result]],
        items: Sequence[Item],
        *,
        unreadable: Reason,
    ) -> Task[Item, Result]:
        """Start `function`, which returns one result per item, on the items."""

    def gather(self, task: Task[Item, Result]) -> Iterator[Result | Lost]:
        """Yield one result per item of a task."""


def _prepare_worker(n_bytes: int) -> None:
    """Limit the memory of this process, let SIGALRM end it, and suppress messages of readers."""
    import cv2  # not needed in the main process

    silence()
    cv2.setNumThreads(1)  # every core has a worker
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = n_bytes if hard == resource.RLIM_INFINITY else min(n_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    threading.Thread(target=_end_with_scan, daemon=True).start()


def _end_with_scan() -> None:
    """End this process as soon as the process of the scan has ended."""
    scan = parent_process()
    if scan is not None:
        wait([scan.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)


def _run(
    function: Callable[[Sequence[Item]], Sequence[Result]],
    items: Sequence[Item],
    timeout_s: float,
    unreadable: Reason,
) -> list[Result | Lost]:
    """Run a function on each item in a worker; an exception becomes Lost.

    Exceptions are not returned to the pool, because one that cannot be pickled would end it.
    """
    found: list[Result | Lost] = []
    for item in items:
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
        try:
            found += function((item,))
        except (KeyboardInterrupt, SystemExit):
            raise
        except MemoryError:
            found.append(Lost(Reason.OUT_OF_MEMORY, _NO_MEMORY))
        except RecursionError:
            found.append(Lost(unreadable, "sequences in the header are nested too deeply"))
        except BaseException as error:  # includes the panic of a Rust decoder
            found.append(Lost(unreadable, f"the reader failed on it ({type(error).__name__})"))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return found


class WorkerPool:
    """Worker processes for reading headers and decoding.

    `timeout_s` limits the time of one item of a task; the memory limit of a process is derived
    from `max_file_bytes`. Waiting for a task raises InterruptedRunError after `stop` has received a
    signal.
    """

    def __init__(
        self,
        processes: int,
        timeout_s: float,
        max_file_bytes: int = 1 << 31,
        stop: Shutdown | None = None,
    ) -> None:
        self.processes = processes
        self._stop = stop or Shutdown()
        self._timeout_s = timeout_s
        self._pool = ServerPool(
            processes, _prepare_worker, (_BASE_BYTES + _COPIES * max_file_bytes,)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes at once."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    def submit(
        self,
        function: Callable[[Sequence[Item]], Sequence[Result]],
        items: Sequence[Item],
        *,
        unreadable: Reason = Reason.BAD_PIXELS,
    ) -> Task[Item, Result]:
        """Submit items to a worker, which calls `function` on each and returns one result per item.

        `unreadable` is the reason of an item for which `function` raises an exception.
        """
        future: Future[Any] = self._pool.schedule(
            _run,
            args=(function, items, self._timeout_s, unreadable),
            # Fallback for a worker that its own timer does not end.
            timeout=self._timeout_s * (len(items) + 1),
        )
        return Task(function, items, unreadable, future)

    def gather(self, task: Task[Item, Result]) -> Iterator[Result | Lost]:
        """Yield the results of a task; if its worker hung or died, retry each item alone."""
        outcome = self._wait(task.future)
        if not isinstance(outcome, Lost):
            yield from outcome
        elif len(task.items) == 1:
            yield outcome
        else:
            alone = [
                self.submit(task.function, (item,), unreadable=task.unreadable)
                for item in task.items
            ]
            for single in alone:
                yield from self.gather(single)

    def _wait(self, future: "Future[Sequence[Result | Lost]]") -> Sequence[Result | Lost] | Lost:
        self._stop.wait(future)
        try:
            return future.result()
        except TimeoutError:
            return self._timeout()
        except ProcessExpired as error:
            if error.exitcode == -signal.SIGALRM:
                return self._timeout()
            return Lost(Reason.DECODER_CRASHED, f"worker ended with exit code {error.exitcode}")
        except MemoryError:
            return Lost(Reason.OUT_OF_MEMORY, _NO_MEMORY)
        except (pickle.PicklingError, TypeError):
            return Lost(Reason.DECODER_CRASHED, "the worker could not return its result")

    def _timeout(self) -> Lost:
        return Lost(Reason.DECODER_TIMEOUT, f"no answer in {self._timeout_s:g} s")
