"""Contents and last runs of an output, for `batchmri status`."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchmri.errors import UsageError
from batchmri.pipeline.run.output_folder import state_path
from batchmri.state.store import Store

_RUNS = 10


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """The last runs (newest first), series by status, series and files by reason.

    `notices` are sentences of the last run about what needs attention.
    """

    runs: list[dict[str, Any]]
    series: dict[str, int]
    series_reasons: dict[str, int]
    file_reasons: dict[str, int]
    notices: list[str]


def status(out: str | Path, *, state: Path | None = None) -> OutputStatus:
    """Read the state of an output. Raises UsageError if there is none."""
    database = state_path(Path(out), state)
    if not database.is_file():
        raise UsageError(f"{out}: no results here (no state.db); run batchmri scan first")
    with Store(database) as store:
        counts = store.series.count_by_status()
        series: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for (name, reason), count in counts.items():
            series[name or "waiting"] += count
            if reason:
                reasons[reason] += count
        files = Counter(str(note.reason) for note in store.series.notes())
        runs = store.last_runs(_RUNS)
        return OutputStatus(
            runs=runs,
            series=dict(series),
            series_reasons=dict(reasons),
            file_reasons=dict(files),
            notices=runs[0].get("notices", []) if runs else [],
        )
