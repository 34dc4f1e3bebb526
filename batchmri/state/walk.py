"""The files found by the walk of a run, compared with the files in the state."""

import sqlite3
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from batchmri.reasons import Reason, Status
from batchmri.records import FileEntry, FileNote, Unreachable

_ROWS_PER_QUERY = 1024
_ENCODING = sys.getfilesystemencoding()
_TABLES = """
DROP TABLE IF EXISTS temp.walked;
DROP TABLE IF EXISTS temp.missing;
DROP TABLE IF EXISTS temp.unreachable;
DROP TABLE IF EXISTS temp.kept;
CREATE TEMP TABLE walked (
    source TEXT PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    reason TEXT, detail TEXT
) WITHOUT ROWID;
CREATE TEMP TABLE missing (source TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE unreachable (source TEXT PRIMARY KEY, detail TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE kept (source TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_FAILED = ", ".join(f"'{reason}'" for reason in Reason if reason.status is Status.FAILED)
# The last column: the header need not be read again, and the time when the file changed is past.
_KNOWN = f"""
SELECT source, path, size, mtime_ns,
    tries >= 0 AND seen_s <= ? AND (reason IS NULL OR reason NOT IN ({_FAILED}))
FROM files WHERE source > ? ORDER BY source LIMIT ?
"""
NOT_FOUND = """
SELECT source FROM temp.missing UNION ALL
SELECT source FROM temp.kept WHERE source NOT IN (SELECT source FROM temp.unreachable)
"""
"""Query of the known files that the walk did not find, whether they are gone or unreachable."""
_Row = tuple[str, bytes, int, int, int]
_END: _Row = ("", b"", 0, 0, 0)


class Kept(NamedTuple):
    """Known files that the walk could not reach, and the files or folders that explain it.

    `files` and `studies` count the known files and their studies, and `places` what could not be
    reached: the `source` of the first is `first`, and why is `detail`.
    """

    files: int
    studies: int
    places: int
    first: str
    detail: str


class WalkIndex:
    """The temporary tables of the current walk.

    `walked` contains every file that the state does not know with the same path, size and time, and
    every file that failed. `missing` contains the known files that were not found, except for those
    in `kept`: they may still exist, since the walk could not reach them or a folder above them
    (`unreachable`). All stay almost empty if nothing is new: files in the order of their sources
    are compared in one pass over the table `files`. Files in any other order give the same result,
    but take longer.
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
        unreachable: list[tuple[str, str]] = []
        for item in items:
            source, known = item.source, _END
            while row[0] and row[0] < source:
                missing.append((row[0],))
                row = next(rows, _END)
            if row[0] == source:
                known, row = row, next(rows, _END)
            if isinstance(item, FileEntry):
                _, path, size, mtime_ns = item
                encoded = path.encode(_ENCODING, "surrogateescape")
                if known != (source, encoded, size, mtime_ns, 1):
                    walked.append((source, encoded, size, mtime_ns, None, None))
                continue
            walked.append((source, b"", 0, 0, item.reason, item.detail))
            if isinstance(item, Unreachable):
                unreachable.append((source, item.detail))
        self._next = row
        self._put(missing)
        self._db.executemany("INSERT OR REPLACE INTO temp.walked VALUES (?, ?, ?, ?, ?, ?)", walked)
        self._db.executemany("INSERT OR REPLACE INTO temp.unreachable VALUES (?, ?)", unreachable)

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
        self._keep()

    def _keep(self) -> None:
        """Move known files that could not be reached from `missing` and `walked` to `kept`."""
        places = self._db.execute("SELECT source FROM temp.unreachable").fetchall()
        # Files of which only the names are known (FileIndex.expect) have the size -1.
        self._db.executemany(
            "INSERT OR IGNORE INTO temp.kept SELECT missing.source FROM temp.missing "
            "JOIN files USING (source) WHERE missing.source > ? AND missing.source < ? "
            "AND size >= 0",
            ((f"{place}/", f"{place}0") for (place,) in places),
        )
        self._db.execute(
            "INSERT OR IGNORE INTO temp.kept SELECT files.source FROM temp.unreachable "
            "CROSS JOIN files ON files.source = unreachable.source WHERE instance IS NOT NULL"
        )
        for table in ("missing", "walked"):
            self._db.execute(
                f"DELETE FROM temp.{table} WHERE source IN (SELECT source FROM temp.kept)"
            )

    def kept(self, root: str | None = None) -> Kept | None:
        """The known files below one root, or all, that could not be reached; None if none."""
        where, bounds = below(root) if root is not None else ("true", ())
        # The columns without an aggregate function are from the row with the minimum (SQLite).
        places, first, detail = self._db.execute(
            f"SELECT count(*), min(source), detail FROM temp.unreachable WHERE {where} AND EXISTS "
            "(SELECT 1 FROM temp.kept WHERE kept.source = unreachable.source "
            "OR (kept.source > unreachable.source || '/' "
            "AND kept.source < unreachable.source || '0'))",
            bounds,
        ).fetchone()
        if not places:
            return None
        n_files, n_studies = self._db.execute(
            "SELECT count(*), count(DISTINCT header_study) FROM temp.kept CROSS JOIN files "
            f"ON files.source = kept.source WHERE {where.replace('source', 'kept.source')}",
            bounds,
        ).fetchone()
        return Kept(n_files, n_studies, places, first, detail)

    def _put(self, missing: Iterable[tuple[str]]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO temp.missing VALUES (?)", missing)

    def _known(self, now_s: float) -> Iterator[_Row]:
        """The known files, ordered by source."""
        last = ""
        while rows := self._db.execute(_KNOWN, (now_s, last, _ROWS_PER_QUERY)).fetchall():
            yield from rows
            last = rows[-1][0]


def below(root: str) -> tuple[str, tuple[str, ...]]:
    """SQL condition on `source`, with its parameters, for a root: a file or all below a folder."""
    # "0" is the character after "/": the range contains all paths below the folder.
    return "(source = ? OR (source > ? AND source < ?))", (root, f"{root}/", f"{root}0")
