"""Console output: progress and log lines on stderr, results on stdout.

On a terminal, rich draws progress bars; elsewhere, or with `--log-format`, progress is logged as
plain or JSON lines (`batchmri.outputs.logs`). External text cannot become markup or terminal
control sequences.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from rich.console import Console as RichConsole
from rich.table import Table
from rich.text import Text

from batchmri.outputs.formatting import printable
from batchmri.outputs.logs import LOGGER, JsonFormatter, PlainFormatter, write_to_stderr
from batchmri.outputs.progress import Lines, Stage, bar

LogFormat = Literal["auto", "plain", "json"]


class Console:
    """Writes progress, log lines and results in the given `log_format`."""

    def __init__(self, log_format: LogFormat = "auto", run_id: str = "") -> None:
        self._err = RichConsole(stderr=True, highlight=False)
        self._out = RichConsole(highlight=False)
        self._json = log_format == "json"
        self._bars = log_format == "auto" and self._err.is_terminal
        self._run_id = run_id
        write_to_stderr(JsonFormatter() if self._json else PlainFormatter())

    @contextmanager
    def stage(self, what: str, total: int | None = None) -> Iterator[Stage]:
        """Show the progress of one stage; `total` is None if it is unknown."""
        if self._quiet:
            yield Stage(lambda _stage, _n: None)
            return
        if self._bars:
            with bar(self._err) as progress:
                task = progress.add_task(what, total=total)
                yield Stage(lambda _, n: progress.advance(task, n))
            return
        self.log(what, total=total)
        lines = Lines(self.log, what, total)
        stage = Stage(lines)
        yield stage
        lines.write(stage, finished=True)

    def log(self, what: str, **facts: object) -> None:
        """Log an event; facts that are None are omitted."""
        self._log(logging.INFO, what, facts)

    def detail(self, what: str, **facts: object) -> None:
        """Log an event that only verbose output shows; facts that are None are omitted."""
        self._log(logging.DEBUG, what, facts)

    def warn(self, what: str, **facts: object) -> None:
        """Log a warning; facts that are None are omitted."""
        self._log(logging.WARNING, what, facts)

    @property
    def _quiet(self) -> bool:
        return not LOGGER.isEnabledFor(logging.INFO)

    def _log(self, level: int, what: str, facts: Mapping[str, object]) -> None:
        given = {key: value for key, value in facts.items() if value is not None}
        # "%s", because a message could contain a percent sign.
        LOGGER.log(level, "%s", what, extra={"facts": given, "run": self._run_id})

    def table(self, title: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
        """Write a table to stdout, or JSON lines if the log format is json."""
        if self._quiet:
            return
        if self._json:
            for row in rows:
                self._result({"table": title, **dict(zip(head, row, strict=True))})
            return
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(head):
            table.add_column(name, justify="left" if number == 0 else "right")
        for row in rows:
            # Text, because rich parses str as markup.
            table.add_row(*(Text(printable(str(cell))) for cell in row))
        self._out.print(table)

    def say(self, line: str) -> None:
        """Write one line to stdout, with its indentation unless the log format is json."""
        if self._quiet:
            return
        if self._json:
            self._result({"text": line})
        else:
            indent = " " * (len(line) - len(line.lstrip(" ")))
            self._out.print(Text(indent + printable(line)), soft_wrap=True)

    def counts(self, title: str, counts: Mapping[str, int], name: str, value: str) -> None:
        """Write a table of counts, the largest first; nothing if `counts` is empty."""
        if counts:
            ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            self.table(title, (name, value), ordered)

    def document(self, document: Mapping[str, object]) -> None:
        """Write a JSON object to stdout if the log format is json, else nothing."""
        if self._json:
            self._result(document)

    def _result(self, document: Mapping[str, object]) -> None:
        print(json.dumps(document, default=str), flush=True)
