"""CSV tables (RFC 4180), streamed, and replaced atomically if their content changed."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from batchmri.outputs.atomic_write import NewFile, write_json
from batchmri.outputs.datapackage import datapackage
from batchmri.outputs.rows import Row
from batchmri.outputs.schema import Column
from batchmri.outputs.sinks import SinkContext
from batchmri.outputs.tables.base import TableSink
from batchmri.outputs.values import cell

_ROWS_PER_CHUNK = 2048


class TableWriter:
    """Context manager that writes a table row by row and replaces the old table at its end.

    After an exception the old table remains. `changed` states whether the new table differs from
    it. Values are formatted and sanitized by `outputs.values`. Raises OutputError.
    """

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._new = NewFile(path)
        self._columns = columns
        self._rows: list[list[str | int | float | None]] = []

    @property
    def changed(self) -> bool:
        """Whether the table differs from the old one."""
        return self._new.changed

    def __enter__(self) -> Self:
        self._new.__enter__()
        self._rows = [[column.name for column in self._columns]]
        self._write()
        return self

    def add(self, row: Row) -> None:
        """Append a row; a key that is missing or None is an empty cell."""
        self._rows.append([cell(column, row.get(column.name)) for column in self._columns])
        if len(self._rows) == _ROWS_PER_CHUNK:
            self._write()

    def _write(self) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(self._rows)  # ends lines as RFC 4180 does
        self._new.write(text.getvalue().encode())
        self._rows = []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write()
        self._new.__exit__(kind, error, trace)


class CsvTables(TableSink):
    """Sink for studies.csv, series.csv, slices.csv, files.csv, changes.csv and datapackage.json."""

    suffix = ".csv"

    def __init__(self, context: SinkContext) -> None:
        super().__init__(context)
        self.files.append(context.output / "datapackage.json")

    def _writer(self, table: str, path: Path) -> TableWriter:
        return TableWriter(path, self._context.columns(table))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            context = self._context
            identifiers = context.settings.report.identifiers
            package = datapackage(context.classes.names, identifiers=identifiers)
            write_json(context.output / "datapackage.json", package)


def write_table(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> bool:
    """Write a complete table; returns whether its content changed. Raises OutputError."""
    with TableWriter(path, columns) as writer:
        for row in rows:
            writer.add(row)
    return writer.changed
