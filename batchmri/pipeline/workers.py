"""Worker processes that may hang or die without harm: the file is lost, never the scan.

They are forked from a server that imports only what reads files.

Whoever stops a scan often signals all of its processes: systemd sends SIGTERM to a whole service, a
terminal SIGINT to the whole group. Workers ignore both, and are ended by SIGKILL.
"""

import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pebble import ProcessExpired

from batchmri.pipeline.processes import Pool
from batchmri.reasons import Reason

Item = TypeVar("Item")
Result = TypeVar("Result")
# What a worker may take beside the pixels of a file: libraries, caches, a second copy.
_BYTES_BESIDE = 1 << 30
_COPIES = 3


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
    future: "Future[Sequence[Result]]"


def _bound_memory(n_bytes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = n_bytes if hard == resource.RLIM_INFINITY else min(n_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class WorkerPool:
    """Processes for reading headers and decoding.

    `timeout_s` bounds one task, `max_file_bytes` the memory of a process.
    """

    def __init__(self, processes: int, timeout_s: float, max_file_bytes: int = 1 << 31) -> None:
        self.processes = processes
        self._timeout_s = timeout_s
        self._pool = Pool(processes, _bound_memory, (_BYTES_BESIDE + _COPIES * max_file_bytes,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    def submit(
        self, function: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]
    ) -> Task[Item, Result]:
        """Have a worker run `function(items)`, which gives one result per item."""
        future: Future[Any] = self._pool.schedule(function, args=(items,), timeout=self._timeout_s)
        return Task(function, items, future)

    def gather(self, task: Task[Item, Result]) -> Iterator[Result | Lost]:
        """The results of a task; where its worker hung or died, each item is tried alone."""
        outcome = self._wait(task.future)
        if not isinstance(outcome, Lost):
            yield from outcome
        elif len(task.items) == 1:
            yield outcome
        else:
            for item in task.items:
                yield from self.gather(self.submit(task.function, (item,)))

    def _wait(self, future: "Future[Sequence[Result]]") -> Sequence[Result] | Lost:
        try:
            return future.result()
        except TimeoutError:
            return Lost(Reason.DECODER_TIMEOUT, f"no answer in {self._timeout_s:g} s")
        except ProcessExpired as error:
            return Lost(Reason.DECODER_CRASHED, f"worker ended with exit code {error.exitcode}")
        except MemoryError:
            return Lost(Reason.OUT_OF_MEMORY, "not enough memory in the worker")
