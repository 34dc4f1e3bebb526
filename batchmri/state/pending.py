"""The changes of an export to the state, collected until its files are in place."""

import sqlite3

from batchmri.state.changes import ChangeIndex
from batchmri.state.studies import ExportedStudy
from batchmri.state.transaction import Transaction

OPEN_KEY = "changes_open"


class PendingExport:
    """Exported studies and changes of the current export.

    They are in temporary tables, so that an export needs neither memory nor a write lock on
    state.db until `commit`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        for table in ("pending_studies", "pending_changes"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
        connection.execute(
            "CREATE TEMP TABLE pending_studies (study_uid TEXT PRIMARY KEY, source TEXT, "
            "version TEXT, verdict TEXT, montage TEXT)"
        )
        connection.execute(
            "CREATE TEMP TABLE pending_changes (study_uid TEXT PRIMARY KEY, change TEXT NOT NULL)"
        )
        connection.execute("INSERT INTO temp.pending_changes SELECT * FROM main.changes")
        is_open = connection.execute("SELECT 1 FROM meta WHERE key = ?", (OPEN_KEY,)).fetchone()
        self.changes = ChangeIndex(connection, "temp.pending_changes", is_open=bool(is_open))

    def put(self, study: ExportedStudy) -> None:
        """Store the current export of a study."""
        self._db.execute(
            "INSERT OR REPLACE INTO temp.pending_studies VALUES (?, ?, ?, ?, ?)",
            (study.uid, study.source, study.version, study.verdict, study.montage),
        )

    def drop(self, uid: str) -> None:
        """Delete a study that is gone."""
        self._db.execute(
            "INSERT OR REPLACE INTO temp.pending_studies (study_uid) VALUES (?)", (uid,)
        )

    def commit(self, meta: dict[str, str]) -> None:
        """Write everything to the state in one transaction, together with entries of `meta`."""
        with Transaction(self._db):
            self._db.execute(
                "INSERT OR REPLACE INTO studies SELECT * FROM temp.pending_studies "
                "WHERE source IS NOT NULL"
            )
            self._db.execute(
                "DELETE FROM studies WHERE study_uid IN "
                "(SELECT study_uid FROM temp.pending_studies WHERE source IS NULL)"
            )
            self._db.execute("DELETE FROM changes")
            self._db.execute("INSERT INTO changes SELECT * FROM temp.pending_changes")
            self._db.execute("DELETE FROM meta WHERE key = ?", (OPEN_KEY,))
            if self.changes.is_open:
                meta = meta | {OPEN_KEY: "1"}
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
