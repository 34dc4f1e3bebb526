"""The studies whose files have changed since their series were planned."""

import sqlite3
from collections.abc import Iterable, Iterator

from batchmri.records import SeriesKey
from batchmri.state.schema import UNSETTLED
from batchmri.state.transaction import ordered


class UnplannedStudies:
    """The table `unplanned`; triggers add the study of every file that is stored or deleted."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def __iter__(self) -> Iterator[str]:
        """The StudyInstanceUIDs (as in headers), in order; they may be discarded meanwhile."""
        return ordered(self._db, "SELECT min(header_study) FROM unplanned WHERE header_study > ?")

    def add_all(self) -> None:
        """Add every study."""
        for table in ("files", "series"):
            self._db.execute(
                f"INSERT OR IGNORE INTO unplanned SELECT DISTINCT header_study FROM {table} "
                "WHERE header_study IS NOT NULL"
            )

    def add_unsettled(self) -> None:
        """Add the studies with series that were still arriving, or failed and have another try."""
        self._db.execute(
            f"INSERT OR IGNORE INTO unplanned SELECT header_study FROM series WHERE {UNSETTLED}"
        )

    def add_studies_of(self, keys: Iterable[SeriesKey]) -> None:
        """Add the studies of series."""
        self._db.executemany(
            "INSERT OR IGNORE INTO unplanned SELECT header_study FROM series "
            "WHERE study_uid = ? AND series_uid = ? AND part = ?",
            keys,
        )

    def discard(self, header_study: str) -> None:
        """Remove a study, because its series are planned."""
        self._db.execute("DELETE FROM unplanned WHERE header_study = ?", (header_study,))
