"""studies.jsonl: one JSON object per study, with its series nested."""

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from batchmri.outputs.atomic_write import NewFile
from batchmri.outputs.rows import Row, StudyExport
from batchmri.outputs.schema import Column
from batchmri.outputs.sinks import SinkContext
from batchmri.outputs.values import stored


class JsonLines:
    """Sink for studies.jsonl."""

    def __init__(self, context: SinkContext) -> None:
        self._columns = {table: context.columns(table) for table in ("studies", "series")}
        self.files = [context.output / "studies.jsonl"]
        self._new = NewFile(self.files[0])

    def __enter__(self) -> Self:
        self._new.__enter__()
        return self

    def add_study(self, study: StudyExport) -> None:
        """Append the line of a study."""
        self._new.write(
            json_line(document(study, self._columns["studies"], self._columns["series"]))
        )

    def add_file(self, row: Row) -> None:
        """Ignore files without a slice: they are in no study."""

    def add_change(self, row: Row) -> None:
        """Ignore changes."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._new.__exit__(kind, error, trace)


def document(
    study: StudyExport, study_columns: Sequence[Column], series_columns: Sequence[Column]
) -> dict[str, Any]:
    """A study as a JSON object: its columns, and `series`, a list of such objects.

    Missing values are null and flags are lists. The series omit study_uid.
    """
    series = [_object(row, series_columns[1:]) for row in study.series]
    return {**_object(study.study, study_columns), "series": series}


def json_line(found: dict[str, Any]) -> bytes:
    """A JSON object as a line of UTF-8."""
    return json.dumps(found, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _object(row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    values = {column.name: stored(column, row.get(column.name)) for column in columns}
    return {name: None if value == "" else value for name, value in values.items()}
