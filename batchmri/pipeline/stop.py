"""Reasons to stop early: a signal, the time budget, too many failures.

Asked to stop, a scan finishes what is in flight, writes it, and ends with the reason's exit code.
"""

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Self, TypeVar

Item = TypeVar("Item")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_FAILURES = 3
EXIT_BUDGET = 5


class Stop:
    """Takes SIGINT and SIGTERM while it is entered; a second one ends the process at once."""

    def __init__(self, time_budget_s: float | None = None) -> None:
        self.exit_code = 0
        self.why = ""
        self._deadline = None if time_budget_s is None else time.monotonic() + time_budget_s
        self._before: dict[int, object] = {}

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        if not self.exit_code and self._deadline and time.monotonic() > self._deadline:
            self.request(EXIT_BUDGET, "the time budget is spent")
        return self.exit_code != 0

    def request(self, exit_code: int, why: str) -> None:
        """Ask to stop; the first who asks gives the exit code, a signal always does."""
        if not self.exit_code or exit_code > 128:
            self.exit_code, self.why = exit_code, why

    def until(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, until there is a reason to stop."""
        for item in items:
            if self.requested:
                return
            yield item

    def __enter__(self) -> Self:
        # Only the main thread may take signals; a scan called from another leaves them alone.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in _SIGNALS}
        return self

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.request(128 + number, f"interrupted by {signal.Signals(number).name}")
        signal.signal(number, signal.SIG_DFL)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
