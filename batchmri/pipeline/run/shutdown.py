"""Early shutdown of a scan: a signal, the time budget, or too many failures.

A scan that stops early commits finished work and exits with the code of the reason. After the time
budget or too many failures it finishes the work in flight. After a signal it leaves that work to
the next run, and every wait ends with InterruptedRunError.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from signal import Signals, signal
from types import FrameType, TracebackType
from typing import Self, TypeVar

from batchmri.errors import InterruptedRunError
from batchmri.interrupts import SIGNALS

Item = TypeVar("Item")
Result = TypeVar("Result")
EXIT_FAILURES = 3
EXIT_BUDGET = 5
_POLL_S = 0.1


class Shutdown:
    """Context manager that handles SIGINT and SIGTERM.

    The first signal requests a stop and restores the previous handlers, so that a second signal has
    its usual effect. `while_waiting` is called several times a second during every wait.
    """

    def __init__(self, time_budget_s: float | None = None) -> None:
        self.exit_code = 0
        self.why = ""
        self.while_waiting: Callable[[], None] = lambda: None
        self._signal = 0
        self._signal_s = 0.0
        self._deadline = None if time_budget_s is None else time.monotonic() + time_budget_s
        self._before: dict[int, object] = {}

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        if not self.exit_code and self._deadline and time.monotonic() > self._deadline:
            self.request(EXIT_BUDGET, "the time budget is used up")
        return self.exit_code != 0

    def request(self, exit_code: int, why: str) -> None:
        """Request a stop. The first request sets the exit code; a signal always replaces it."""
        if not self.exit_code or exit_code > 128:
            self.exit_code, self.why = exit_code, why

    def lift_time_budget(self) -> None:
        """Ignore the time budget from now on, because no series remains."""
        self._deadline = None
        if self.exit_code == EXIT_BUDGET:
            self.exit_code, self.why = 0, ""

    def check(self, grace_s: float = 0.0) -> None:
        """Raise InterruptedRunError if a signal was received at least `grace_s` seconds ago."""
        if self._signal and time.monotonic() >= self._signal_s + grace_s:
            raise InterruptedRunError(self._signal)
        self.while_waiting()

    def wait(self, future: "Future[Result]") -> None:
        """Wait for a future, whatever its result. Raises InterruptedRunError after a signal."""
        while True:
            self.check()
            with suppress(TimeoutError):
                future.exception(_POLL_S)
                return

    def result(self, future: "Future[Result]") -> Result:
        """Wait for the result of a future. Raises InterruptedRunError if a signal comes first."""
        self.wait(future)
        return future.result()

    def until(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items until a stop is requested."""
        for item in items:
            if self.requested:
                return
            yield item

    def __enter__(self) -> Self:
        # Python allows signal handlers in the main thread only; other threads do not set any.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal(number, self._handle_signal) for number in SIGNALS}
        return self

    def _handle_signal(self, number: int, frame: FrameType | None) -> None:
        self._signal, self._signal_s = number, time.monotonic()
        self.request(128 + number, f"interrupted by {Signals(number).name}")
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal(number, handler)  # type: ignore[arg-type]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._restore()
