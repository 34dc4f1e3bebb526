"""Options of a single run that are not settings: they change its work, but not the results."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Options of one run.

    `limit` is the maximum number of studies. `rescan` discards earlier results. `allow_shrink`
    accepts an archive that has lost files. `retry_failed` retries everything that failed. `state`
    is the folder of state.db if it is not the output folder.
    """

    limit: int | None = None
    rescan: bool = False
    allow_shrink: bool = False
    retry_failed: bool = False
    state: Path | None = None
