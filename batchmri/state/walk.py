"""The files found by the walk of a run, compared with the files in the state."""

import sqlite3
import sys
from collections.abc import Iterable, Iterator

from batchmri.reasons import Reason, Status
from batchmri.records import FileEntry, FileNote

_ROWS_PER_QUERY = 1024
_ENCODING = sys.getfilesystemencoding()
_TABLES = """
DROP TABLE IF EXISTS temp.walked;
DROP TABLE IF EXISTS temp.missing;
CREATE TEMP TABLE walked (
    source TEXT PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    reason TEXT, detail TEXT
) WITHOUT ROWID;
CREATE TEMP TABLE missing (source TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_FAILED = ", ".join(f"'{reason}'" for reason in Reason if reason.status is Status.FAILED)
# The last column: the header need not be read again, and the time when the file changed is past.
_KNOWN = f"""
SELECT source, path, size, mtime_ns,
    tries >= 0 AND seen_s <= ? AND (reason IS NULL OR reason NOT IN ({_FAILED}))
FROM files WHERE source > ? ORDER BY source LIMIT ?
"""
_Row = tuple[str, bytes, int, int, int]
_END: _Row = ("", b"", 0, 0, 0)


class WalkIndex:
    """The temporary tables of the current walk.

    `walked` contains every file that the state does not know with the same path, size and time, and
    every file that failed. `missing` contains the known files that were not found. Both stay almost
    empty if nothing is new: files in the order of their sources are compared in one pass over the
    table `files`. Files in any other order give the same result, but take longer.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def begin(self, now_s: float, *, compare: bool) -> None:
        """Create empty tables; without `compare`, `walked` will contain every file."""
        for statement in _TABLES.split(";"):
            self._db.execute(statement)
        self._rows = self._known(now_s) if compare else iter(())
        self._compare = compare
        self._next = next(self._rows, _END)

    def add(self, items: Iterable[FileEntry | FileNote]) -> None:
        """Record files found by the walk, and files or folders that it could not read."""
        rows, row = self._rows, self._next
        missing: list[tuple[str]] = []
        walked: list[tuple[object, ...]] = []
        for item in items:
            source = item.source
            while row[0] and row[0] < source:
                missing.append((row[0],))
                row = next(rows, _END)
            known, row = (row, next(rows, _END)) if row[0] == source else (_END, row)
            if isinstance(item, FileNote):
                walked.append((source, b"", 0, 0, item.reason, item.detail))
                continue
            path = item.path.encode(_ENCODING, "surrogateescape")
            if known != (source, path, item.size, item.mtime_ns, 1):
                walked.append((source, path, item.size, item.mtime_ns, None, None))
        self._next = row
        self._put(missing)
        self._db.executemany("INSERT OR REPLACE INTO temp.walked VALUES (?, ?, ?, ?, ?, ?)", walked)

    def end(self) -> None:
        """Complete the tables after the last file."""
        if self._next[0]:
            self._put([(self._next[0],)])
            self._put((row[0],) for row in self._rows)
            self._next = _END
        if not self._compare:
            self._db.execute("INSERT OR IGNORE INTO temp.missing SELECT source FROM files")
        self._db.execute(
            "DELETE FROM temp.missing WHERE source IN (SELECT source FROM temp.walked)"
        )

    def _put(self, missing: Iterable[tuple[str]]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO temp.missing VALUES (?)", missing)

    def _known(self, now_s: float) -> Iterator[_Row]:
        """The known files, ordered by source."""
        last = ""
        while rows := self._db.execute(_KNOWN, (now_s, last, _ROWS_PER_QUERY)).fetchall():
            yield from rows
            last = rows[-1][0]
