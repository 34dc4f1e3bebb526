"""What stands on the console: progress and log lines on stderr, results on stdout.

On a terminal rich draws progress with rate and time left; elsewhere, or with `--log-format`,
plain or JSON lines tell it every few seconds.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, TypeVar

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

Item = TypeVar("Item")
LogFormat = Literal["auto", "plain", "json"]
_SECONDS_BETWEEN_LINES = 10.0


class Stage:
    """One stage of a run; `advance` counts what is done."""

    def __init__(self, console: "Console", what: str, total: int | None) -> None:
        self.done = 0
        self._console, self._what, self._total = console, what, total
        self._start = self._last = time.monotonic()

    def advance(self, n: int = 1) -> None:
        """So many more are done."""
        self.done += n
        now = time.monotonic()
        if now - self._last > _SECONDS_BETWEEN_LINES:
            self._last = now
            self._console.log(self._what, done=self.done, total=self._total, rate=self._rate(now))

    def count(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, each counted when it is taken."""
        for item in items:
            yield item
            self.advance()

    def _rate(self, now: float) -> str:
        return f"{self.done / max(now - self._start, 1e-9):.1f}/s"


class _Bar(Stage):
    def __init__(self, console: "Console", what: str, total: int | None, bar: Progress) -> None:
        super().__init__(console, what, total)
        self._bar = bar
        self._task = bar.add_task(what, total=total)

    def advance(self, n: int = 1) -> None:
        self.done += n
        self._bar.advance(self._task, n)


class Console:
    """Writes for a person, a log file, or a program (`log_format`)."""

    def __init__(self, log_format: LogFormat = "auto", run_id: str = "") -> None:
        self._err = RichConsole(stderr=True, highlight=False)
        self._out = RichConsole(highlight=False)
        self._json = log_format == "json"
        self._bars = log_format == "auto" and self._err.is_terminal
        self._run_id = run_id

    @contextmanager
    def stage(self, what: str, total: int | None = None) -> Iterator[Stage]:
        """Progress of one stage."""
        if self._bars:
            with self._progress() as bar:
                yield _Bar(self, what, total, bar)
            return
        self.log(what, total=total)
        stage = Stage(self, what, total)
        yield stage
        self.log(what, done=stage.done, total=total, finished=True)

    def _progress(self) -> Progress:
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._err,
        )

    def log(self, what: str, **facts: object) -> None:
        """One line on stderr; facts that are None are left out."""
        given = {key: value for key, value in facts.items() if value is not None}
        if self._json:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            line = json.dumps({"time": stamp, "run": self._run_id, "event": what, **given})
        else:
            line = " ".join([what, *(f"{key}={value}" for key, value in given.items())])
        print(plain(line), file=sys.stderr, flush=True)

    def table(self, title: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
        """A table on stdout; as log lines where JSON was asked for."""
        if self._json:
            for row in rows:
                self.log(title, **dict(zip(head, row, strict=True)))
            return
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(head):
            table.add_column(name, justify="left" if number == 0 else "right")
        for row in rows:
            # Text, not str: words from headers never become markup.
            table.add_row(*(Text(plain(str(cell))) for cell in row))
        self._out.print(table)

    def say(self, line: str) -> None:
        """One line on stdout."""
        if self._json:
            self.log(line)
        else:
            self._out.print(Text(plain(line)), soft_wrap=True)

    def counts(self, title: str, counts: Mapping[str, int], name: str, value: str) -> None:
        """A table of counts, the largest first; none where there is nothing to count."""
        if counts:
            ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            self.table(title, (name, value), ordered)


def plain(text: str) -> str:
    """Without control characters: no header or file name moves the cursor of a terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)
