"""Progress of a stage: a bar on a terminal, elsewhere lines with rate and remaining time."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Item = TypeVar("Item")
_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BEFORE_RATE = 1.0  # a rate over a shorter time is meaningless
_SHARE_BETWEEN_LINES = 0.05


class Stage:
    """Counts finished items; calls `on_advance` with the stage and the number of new items."""

    def __init__(self, on_advance: Callable[["Stage", int], None]) -> None:
        self.done = 0
        self._on_advance = on_advance

    def advance(self, n: int = 1) -> None:
        """Count `n` more items."""
        self.done += n
        self._on_advance(self, n)

    def count(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items; each is counted when the next one is requested."""
        for item in items:
            yield item
            self.advance()


class Lines:
    """Logs the progress of a stage every ten seconds, or every 5% of the elapsed time if longer."""

    def __init__(
        self,
        log: Callable[..., None],
        what: str,
        total: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._what, self._total, self._clock = log, what, total, clock
        self._start = self._last = clock()

    def __call__(self, stage: Stage, n: int) -> None:
        """Log the progress if enough time has passed since the last line."""
        now = self._clock()
        pause = max(_SECONDS_BETWEEN_LINES, _SHARE_BETWEEN_LINES * (now - self._start))
        if now - self._last >= pause:
            self._last = now
            self.write(stage)

    def write(self, stage: Stage, **facts: object) -> None:
        """Log one line now."""
        seconds = max(self._clock() - self._start, 1e-3)
        rate = stage.done / seconds
        left = round((self._total - stage.done) / rate) if self._total and rate else None
        self._log(
            self._what,
            done=stage.done,
            total=self._total,
            per_second=round(rate, 1) if seconds >= _SECONDS_BEFORE_RATE else None,
            seconds_left=left,
            **facts,
        )


def bar(console: RichConsole) -> Progress:
    """The progress bar of a stage; it disappears at the end of the stage."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if speed is None or (task.elapsed or 0.0) < _SECONDS_BEFORE_RATE:
            return Text("")
        return Text(f"{speed:.1f}/s")
