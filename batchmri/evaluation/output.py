"""Output of an evaluation: metrics.json, metrics.csv, metrics.txt and the console."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchmri.evaluation.intervals import Measure
from batchmri.outputs.atomic_write import write_atomic, write_json
from batchmri.outputs.console import Console
from batchmri.outputs.rows import Row
from batchmri.outputs.schema import Column
from batchmri.outputs.tables.csv import write_table

Cells = tuple[str, ...]
_COLUMNS = (
    Column("subset", "The evaluated subset: raw, leak-free, or a kind of volume."),
    Column("metric", "Name of the metric."),
    Column("of", "Class or stratum; empty for all."),
    Column("value", "Empty if undefined.", "number"),
    Column("low", "Lower bound of the 95% interval.", "number"),
    Column("high", "Upper bound of the 95% interval.", "number"),
    Column("n", "Number of images, slices, series or patients.", "integer"),
)
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class TextTable:
    """Plain-text table for the console and metrics.txt."""

    title: str
    head: Cells
    rows: Sequence[Cells]


def write_metrics(
    out: Path,
    about: dict[str, Any],
    measures: Sequence[Measure],
    notes: Sequence[str],
    tables: Sequence[TextTable],
) -> None:
    """Write metrics.csv, metrics.json (including `about`, the metadata) and metrics.txt."""
    write_table(out / "metrics.csv", _COLUMNS, map(_row, measures))
    write_json(out / "metrics.json", {**about, "notes": list(notes), "metrics": _nested(measures)})
    write_atomic(out / "metrics.txt", as_text(notes, tables).encode())


def show(console: Console, notes: Sequence[str], tables: Sequence[TextTable]) -> None:
    """Print the text of metrics.txt; tables are not truncated to the width of the terminal."""
    for line in as_text(notes, tables).splitlines():
        console.say(line)


def as_text(notes: Sequence[str], tables: Sequence[TextTable]) -> str:
    """Format notes and tables; the first column is left-aligned, the others are right-aligned."""
    lines = list(notes)
    for table in tables:
        every = [table.head, *table.rows]
        widths = [max(map(len, column)) for column in zip(*every, strict=True)]
        lines += ["", table.title]
        for row in every:
            first, *others = (
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append("  ".join((first, *others)).rstrip())
    return "\n".join(lines) + "\n"


def cell(measure: Measure | None) -> str:
    """Format a value with its interval, such as `0.891 (0.870–0.910)`; a dash if undefined."""
    if measure is None or not math.isfinite(measure.value):
        return "–"
    value = f"{measure.value:.3f}"
    if measure.low is None or measure.high is None:
        return value
    return f"{value} ({measure.low:.3f}–{measure.high:.3f})"


def rounded(value: float | None) -> float | None:
    """Round to six decimals; return None for an undefined value."""
    return None if value is None or not math.isfinite(value) else round(value, _DECIMALS) + 0.0


def _row(measure: Measure) -> Row:
    return {
        "subset": measure.subset,
        "metric": measure.metric,
        "of": measure.of,
        "value": rounded(measure.value),
        "low": rounded(measure.low),
        "high": rounded(measure.high),
        "n": measure.n,
    }


def _nested(measures: Iterable[Measure]) -> dict[str, dict[str, dict[str, Any]]]:
    """Nest the measures by subset, metric, and class or stratum ("all" for all)."""
    nested: dict[str, dict[str, dict[str, Any]]] = {}
    for measure in measures:
        row = _row(measure)
        value = {key: row[key] for key in ("value", "low", "high", "n")}
        by_metric = nested.setdefault(measure.subset, {})
        by_metric.setdefault(measure.metric, {})[measure.of or "all"] = value
    return nested
