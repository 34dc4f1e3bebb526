"""dry-run-series.csv and dry-run-series.jsonl: every series and what a scan would do with it."""

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from batchmri.outputs.atomic_write import NewFile
from batchmri.outputs.rows import Row
from batchmri.outputs.schema import Column, column_named
from batchmri.outputs.tables.csv import TableWriter
from batchmri.outputs.values import stored
from batchmri.reasons import Reason
from batchmri.records import Decision, Series

_FROM_SERIES = (
    "study_uid", "series_uid", "series_part", "format", "source", "n_files", "modality",
    "sequence", "n_slices", "plane",
)  # fmt: skip
COLUMNS = (
    *(column_named("series", name) for name in _FROM_SERIES),
    Column(
        "decision",
        "classify, done (has a result and is unchanged) or skip.",
        allowed=("classify", "done", "skip"),
    ),
    Column("reason", "Why it is skipped: a code of docs/reasons.md.", allowed=tuple(Reason)),
    Column("detail", "Details of the reason."),
)


class SeriesList:
    """Context manager that writes both files row by row; without `output`, it does nothing."""

    def __init__(self, output: Path | None) -> None:
        self._output = output
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self._output is not None:
            name = self._output / "dry-run-series"
            with ExitStack() as stack:
                self._csv = stack.enter_context(TableWriter(name.with_suffix(".csv"), COLUMNS))
                self._json = stack.enter_context(NewFile(name.with_suffix(".jsonl")))
                self._stack = stack.pop_all()
        return self

    def add(self, series: Series, decision: Decision, *, is_done: bool) -> None:
        """Append a series; `is_done` states whether the output already contains its result."""
        if self._output is None:
            return
        row: Row = {
            "study_uid": series.key.study_uid,
            "series_uid": series.key.series_uid,
            "series_part": series.key.part,
            "format": series.format,
            "source": series.source,
            "n_files": series.n_files,
            "modality": series.header.modality,
            "sequence": series.sequence,
            "n_slices": series.n_slices,
            "plane": series.plane,
            "decision": "done" if is_done else "classify" if decision.wanted else "skip",
            "reason": decision.reason,
            "detail": decision.detail,
        }
        self._csv.add(row)
        values = {column.name: stored(column, row[column.name]) for column in COLUMNS}
        found = {name: None if value == "" else value for name, value in values.items()}
        self._json.write(json.dumps(found, ensure_ascii=False).encode() + b"\n")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
