"""CSV tables (RFC 4180), streamed, replaced atomically, and only if their content changed."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd

from batchmri.outputs import formatting as cells
from batchmri.outputs.atomic_write import NewFile
from batchmri.outputs.schema import Column

_ROWS_PER_CHUNK = 2048


class TableWriter:
    """Context manager that writes a table row by row and replaces the old table at its end.

    After an exception the old table stays. `changed` is whether the new table differs from the old
    one. The text of every string column is sanitized (`cells.text`). Raises OutputError.
    """

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._new = NewFile(path)
        self._names = [column.name for column in columns]
        self._texts = [column.name for column in columns if column.type == "string"]
        self._rows: list[Mapping[str, object]] = []

    @property
    def changed(self) -> bool:
        """Whether the table differs from the old one."""
        return self._new.changed

    def __enter__(self) -> Self:
        self._new.__enter__()
        self._write(header=True)
        return self

    def add(self, row: Mapping[str, object]) -> None:
        """Append a row; a key that is missing or None is an empty cell."""
        safe = {name: cells.text(str(row[name])) for name in self._texts if _has_value(row, name)}
        self._rows.append({**row, **safe})
        if len(self._rows) == _ROWS_PER_CHUNK:
            self._write()

    def _write(self, *, header: bool = False) -> None:
        # dtype object: pandas would convert integers to floats in columns with empty cells.
        frame = pd.DataFrame(self._rows, columns=self._names, dtype=object)
        text = frame.to_csv(header=header, index=False, lineterminator="\r\n", na_rep="")
        self._new.write(text.encode())
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


def write_table(
    path: Path, columns: Sequence[Column], rows: Iterable[Mapping[str, object]]
) -> bool:
    """Write a complete table; returns whether its content changed. Raises OutputError."""
    with TableWriter(path, columns) as writer:
        for row in rows:
            writer.add(row)
    return writer.changed


def _has_value(row: Mapping[str, object], name: str) -> bool:
    return row.get(name) is not None
