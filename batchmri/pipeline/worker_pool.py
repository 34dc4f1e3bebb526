"""Worker processes that may hang or die without harm: the file is lost, never the scan.

They are forked from a server that imports only what reads files.

Whoever stops a scan often signals all of its processes: systemd sends SIGTERM to a whole service, a
terminal SIGINT to the whole group. Workers ignore both, and are ended by SIGKILL.

Each file has its own time limit, however many are sent to a worker together: a timer of the kernel
ends a worker that exceeds it, even inside of a decoder that hangs.
"""

import pickle
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pebble import ProcessExpired

from batchmri.pipeline.shutdown import Shutdown
from batchmri.pipeline.worker_server import Pool
from batchmri.reasons import Reason

Item = TypeVar("Item")
Result = TypeVar("Result")
# What a worker may take beside the pixels of a file: libraries, caches, a second copy.
_BYTES_BESIDE = 1 << 30
_COPIES = 3
_NO_MEMORY = "not enough memory in the worker"


@dataclass(frozen=True, slots=True)
class Lost:
    """An item that gave no result, and why."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Task(Generic[Item, Result]):
    """Some items on their way through one worker."""

    function: Callable[[Sequence[Item]], Sequence[Result]]
    items: Sequence[Item]
    unreadable: Reason
    future: "Future[Sequence[Result | Lost]]"


def _prepare_worker(n_bytes: int) -> None:
    """Bound the memory of this process, and let its timer end it."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = n_bytes if hard == resource.RLIM_INFINITY else min(n_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _run(
    function: Callable[[Sequence[Item]], Sequence[Result]],
    items: Sequence[Item],
    timeout_s: float,
    unreadable: Reason,
) -> list[Result | Lost]:
    """Run a function on each item, in a worker: no exception leaves it.

    An exception would travel back by pickle, and one that cannot ends the pool.
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
            found.append(Lost(unreadable, "it is nested too deeply"))
        except BaseException as error:  # also the panic of a decoder in Rust
            found.append(Lost(unreadable, f"the reader failed on it ({type(error).__name__})"))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return found


class WorkerPool:
    """Processes for reading headers and decoding.

    `timeout_s` bounds one item of a task, `max_file_bytes` the memory of a process. Waiting for a
    task raises InterruptedRunError once a signal has reached `stop`.
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
        self._pool = Pool(processes, _prepare_worker, (_BYTES_BESIDE + _COPIES * max_file_bytes,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    def submit(
        self,
        function: Callable[[Sequence[Item]], Sequence[Result]],
        items: Sequence[Item],
        *,
        unreadable: Reason = Reason.BAD_PIXELS,
    ) -> Task[Item, Result]:
        """Have a worker run `function` on each item, which returns one result for it.

        `unreadable` is the reason of an item on which it raises an exception.
        """
        future: Future[Any] = self._pool.schedule(
            _run,
            args=(function, items, self._timeout_s, unreadable),
            # The timer of the worker ends it before: this is for a worker that it does not end.
            timeout=self._timeout_s * (len(items) + 1),
        )
        return Task(function, items, unreadable, future)

    def gather(self, task: Task[Item, Result]) -> Iterator[Result | Lost]:
        """The results of a task; where its worker hung or died, each item is tried alone."""
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
            for one in alone:
                yield from self.gather(one)

    def _wait(self, future: "Future[Sequence[Result | Lost]]") -> Sequence[Result | Lost] | Lost:
        try:
            return self._stop.result(future)
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
