"""What is said of one run and is no setting: it does not change what a result is."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How one run goes about its work.

    `limit` studies at most; `rescan` forgets earlier results; `allow_shrink` takes an archive that
    lost files as it is; `retry_failed` tries again whatever failed; `state` holds state.db instead
    of the output folder.
    """

    limit: int | None = None
    rescan: bool = False
    allow_shrink: bool = False
    retry_failed: bool = False
    state: Path | None = None
