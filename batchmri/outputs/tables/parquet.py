"""Parquet tables: the values of the CSV tables, with their types, in row groups."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from io import RawIOBase
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from batchmri.outputs.atomic_write import NewFile
from batchmri.outputs.datapackage import CONTRACT
from batchmri.outputs.rows import Row
from batchmri.outputs.schema import TABLES, Column
from batchmri.outputs.tables.base import TableSink
from batchmri.outputs.values import stored

_ROWS_PER_GROUP = 16384
_TYPES = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64()}
_ENUMERATION = pa.dictionary(pa.int16(), pa.string())


class _Target(RawIOBase):
    """The new file as pyarrow expects one."""

    def __init__(self, new: NewFile) -> None:
        self._new = new

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._new.write(content)
        return len(content)


class ParquetWriter:
    """Context manager that writes a table and replaces the old one at its end."""

    def __init__(self, new: NewFile, table: str, columns: Sequence[Column]) -> None:
        self._new = new
        self._columns = columns
        self._schema = arrow_schema(table, columns)
        self._rows: list[list[Any]] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._new)
            file = stack.enter_context(pa.PythonFile(_Target(self._new), mode="w"))
            self._writer = stack.enter_context(pq.ParquetWriter(file, self._schema))
            self._stack = stack.pop_all()
        return self

    def add(self, row: Row) -> None:
        """Append a row; a key that is missing or None is a null."""
        self._rows.append([_value(column, row) for column in self._columns])
        if len(self._rows) == _ROWS_PER_GROUP:
            self._write()

    def _write(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(self._columns)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows = []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._rows:
            self._write()
        self._stack.__exit__(kind, error, trace)


class ParquetTables(TableSink):
    """Sink for studies.parquet, series.parquet, slices.parquet, files.parquet, changes.parquet."""

    suffix = ".parquet"

    def _writer(self, table: str, path: Path) -> ParquetWriter:
        return ParquetWriter(NewFile(path), table, self._context.columns(table))


def arrow_schema(table: str, columns: Sequence[Column]) -> pa.Schema:
    """Types and descriptions of a table: dictionaries for enumerations, lists for flags."""
    metadata = {
        "contract_version": CONTRACT,
        "description": f"One row per {TABLES[table]}.",
        "note": "Research use only: not a medical device.",
    }
    return pa.schema([_field(column) for column in columns], metadata)


def _field(column: Column) -> pa.Field:
    kind = _ENUMERATION if column.allowed else _TYPES[column.type]
    described = {"description": column.description}
    if column.unit:
        described["unit"] = column.unit
    if column.allowed:
        described["allowed"] = json.dumps(column.allowed)
    return pa.field(column.name, pa.list_(kind) if column.multiple else kind, metadata=described)


def _value(column: Column, row: Row) -> Any:
    """The value of a cell; empty text becomes a null, like an empty cell in CSV."""
    value = stored(column, row.get(column.name))
    if isinstance(value, tuple):
        return list(value)
    return None if value == "" else value
