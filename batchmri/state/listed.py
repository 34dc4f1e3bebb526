"""The version of each study that results.jsonl contains."""

import sqlite3
from collections.abc import Iterator

from batchmri.state.transaction import ordered


class ListedStudies:
    """The table `listed`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def version(self, uid: str) -> str:
        """The last listed version of a study; empty if there is none."""
        row = self._db.execute("SELECT version FROM listed WHERE study_uid = ?", (uid,)).fetchone()
        return row[0] if row else ""

    def put(self, uid: str, version: str) -> None:
        """Store the listed version of a study."""
        self._db.execute("INSERT OR REPLACE INTO listed VALUES (?, ?)", (uid, version))

    def drop(self, uid: str) -> None:
        """Forget a study whose lines are deleted."""
        self._db.execute("DELETE FROM listed WHERE study_uid = ?", (uid,))

    def clear(self) -> None:
        """Forget all studies, because results.jsonl does not exist."""
        self._db.execute("DELETE FROM listed")

    def known(self) -> Iterator[str]:
        """All studies that have series, in order."""
        return ordered(self._db, "SELECT min(study_uid) FROM series WHERE study_uid > ?")
