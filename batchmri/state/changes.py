"""The last changes of studies, as listed in changes.csv."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass

from batchmri.state.transaction import ordered


@dataclass(frozen=True, slots=True)
class Change:
    """A study that is new, changed, gone, or has another verdict."""

    uid: str
    source: str
    change: str
    verdict_before: str
    verdict: str


class ChangeIndex:
    """The changes of the last run that changed anything, in `table`.

    They are open if that run was interrupted; the next run then adds its own changes.
    """

    def __init__(self, connection: sqlite3.Connection, table: str, *, is_open: bool) -> None:
        self._db = connection
        self._table = table
        self.is_open = is_open

    def get(self, uid: str) -> Change | None:
        """The change of a study; None if there is none."""
        row = self._db.execute(
            f"SELECT change FROM {self._table} WHERE study_uid = ?", (uid,)
        ).fetchone()
        return None if row is None else Change(*json.loads(row[0]))

    def put(self, change: Change) -> None:
        """Add the change of a study, or replace it."""
        self._db.execute(
            f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?)",
            (change.uid, json.dumps(astuple(change))),
        )

    def drop(self, uid: str) -> None:
        """Remove the change of a study."""
        self._db.execute(f"DELETE FROM {self._table} WHERE study_uid = ?", (uid,))

    def clear(self) -> None:
        """Remove all changes."""
        self._db.execute(f"DELETE FROM {self._table}")

    def all(self) -> Iterator[Change]:
        """All changes, ordered by study."""
        for uid in ordered(
            self._db, f"SELECT min(study_uid) FROM {self._table} WHERE study_uid > ?"
        ):
            if (change := self.get(uid)) is not None:
                yield change
