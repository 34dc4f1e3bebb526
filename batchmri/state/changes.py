"""The last changes of studies, as listed in changes.csv: rows `change:<study_uid>` of `meta`."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass

from batchmri.state.transaction import ordered

_KEY_PREFIX = "change:"
_OPEN_KEY = "changes_open"


@dataclass(frozen=True, slots=True)
class Change:
    """A study that is new, changed, gone, or has another verdict."""

    uid: str
    source: str
    change: str
    verdict_before: str
    verdict: str


class ChangeIndex:
    """The changes of the last run that changed anything.

    They are open if that run was interrupted; the next run then adds its own changes.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def get(self, uid: str) -> Change | None:
        """The change of a study; None if there is none."""
        found = self._value(_KEY_PREFIX + uid)
        return None if found is None else Change(*json.loads(found))

    def put(self, change: Change) -> None:
        """Add the change of a study, or replace it."""
        self._set(_KEY_PREFIX + change.uid, json.dumps(astuple(change)))

    def drop(self, uid: str) -> None:
        """Remove the change of a study."""
        self._db.execute("DELETE FROM meta WHERE key = ?", (_KEY_PREFIX + uid,))

    def clear(self) -> None:
        """Remove all changes."""
        self._db.execute("DELETE FROM meta WHERE key >= ? AND key < 'change;'", (_KEY_PREFIX,))

    def all(self) -> Iterator[Change]:
        """All changes, ordered by study."""
        query = "SELECT min(key) FROM meta WHERE key > max(?, 'change:') AND key < 'change;'"
        for key in ordered(self._db, query):
            yield Change(*json.loads(self._value(key) or "[]"))

    @property
    def is_open(self) -> bool:
        """Whether the run of these changes was interrupted."""
        return self._value(_OPEN_KEY) is not None

    @is_open.setter
    def is_open(self, value: bool) -> None:
        if value:
            self._set(_OPEN_KEY, "1")
        else:
            self._db.execute("DELETE FROM meta WHERE key = ?", (_OPEN_KEY,))

    def _value(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def _set(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
