"""Base class of the sinks for table formats, which distributes rows to one writer per table.

A new format is a subclass, named in `SINKS` of batchmri/extensions.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from batchmri.outputs.rows import Row, StudyExport
from batchmri.outputs.schema import TABLES
from batchmri.outputs.sinks import SinkContext


class RowWriter(AbstractContextManager["RowWriter"], Protocol):
    """Writes one table; the old table is replaced at the end, and kept after an exception."""

    def add(self, row: Row) -> None:
        """Append a row."""


class TableSink(ABC):
    """Sink that writes one file per table (`paths`); a subclass returns the writer of a table."""

    suffix: str

    def __init__(self, context: SinkContext) -> None:
        self._context = context
        self._tables: Mapping[str, RowWriter] = {}
        self._stack = ExitStack()
        self.paths = {table: context.output / f"{table}{self.suffix}" for table in TABLES}
        self.files = list(self.paths.values())

    @abstractmethod
    def _writer(self, table: str, path: Path) -> RowWriter:
        """The writer of a table."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._tables = {
                table: stack.enter_context(self._writer(table, path))
                for table, path in self.paths.items()
            }
            self._stack = stack.pop_all()
        return self

    def add_study(self, study: StudyExport) -> None:
        """Append the rows of a study, its series and its slices."""
        self._tables["studies"].add(study.study)
        for row in study.series:
            self._tables["series"].add(row)
        for row in study.listed_slices(self._context.settings.report):
            self._tables["slices"].add(row)

    def add_file(self, row: Row) -> None:
        """Append a row to the table of files."""
        self._tables["files"].add(row)

    def add_change(self, row: Row) -> None:
        """Append a row to the table of changes."""
        self._tables["changes"].add(row)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
