"""The files of an archive as last seen: size, modification time, and header."""

import errno
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from batchmri.reasons import Reason, Status
from batchmri.records import FileEntry, FileNote, Instance
from batchmri.state.documents import adapter
from batchmri.state.schema import DELETE_ORPHANS
from batchmri.state.transaction import ordered
from batchmri.state.walk import NOT_FOUND, Kept, WalkIndex, below

_ROWS_PER_QUERY = 1024
DENIED = (os.strerror(errno.EACCES), os.strerror(errno.EPERM))
"""Details of `io_error` if the permissions of a file or folder are the cause."""
# Not INSERT OR REPLACE, for which SQLite runs no trigger with the earlier study of the file.
_PUT = """
INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source) DO UPDATE SET
    path = excluded.path, size = excluded.size, mtime_ns = excluded.mtime_ns,
    seen_s = excluded.seen_s, tries = excluded.tries, header_study = excluded.header_study,
    instance = excluded.instance, reason = excluded.reason, detail = excluded.detail
"""


class Gone(NamedTuple):
    """Numbers of known files that are gone, of their studies, and of gone files in no study."""

    files: int
    studies: int
    in_no_study: int


class FileIndex:
    """The table `files`, and the temporary tables of the current walk (`WalkIndex`)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._walk = WalkIndex(connection)
        self.n_given_up = 0
        """Number of files that failed for a temporary reason too often to be read again."""

    # --- the walk of the current run

    def begin_walk(self, now_s: float, *, compare: bool = True) -> None:
        """Prepare for a walk; without `compare`, every file will count as unread."""
        self._walk.begin(now_s, compare=compare)

    def expect(self, known: Iterable[tuple[str, str | None]]) -> None:
        """Add files that another state knows (source, header study), all of which are unread."""
        self._db.executemany(
            "INSERT INTO files VALUES (?, x'', -1, 0, 0, -1, ?, NULL, NULL, NULL)", known
        )

    def add_walked(self, items: Iterable[FileEntry | FileNote]) -> None:
        """Record files found by the walk, and files or folders that it could not read."""
        self._walk.add(items)

    def end_walk(self) -> None:
        """Complete the comparison of the walk with the known files."""
        self._walk.end()

    def n_walked(self, root: str) -> int:
        """Number of files found by the walk in one root, except those that it could not reach."""
        where, bounds = below(root)
        query = (
            f"SELECT count(*) FROM temp.walked WHERE {where} AND reason IS NOT ? "
            "AND NOT EXISTS (SELECT 1 FROM files WHERE files.source = walked.source)"
        )
        (n_new,) = self._db.execute(query, (*bounds, Reason.IO_ERROR)).fetchone()
        return self.count(root) - self._count(f"({NOT_FOUND})", root) + int(n_new)

    def count(self, root: str | None = None) -> int:
        """Number of known files, in total or in one root."""
        return self._count("files", root)

    def is_empty(self) -> bool:
        """Whether no file is known."""
        return self._db.execute("SELECT 1 FROM files LIMIT 1").fetchone() is None

    def has_image(self, root: str, no_image: Collection[Reason]) -> bool:
        """Whether a root contains an image, or a file with a reason that is not in `no_image`."""
        where, bounds = below(root)
        query = (
            f"SELECT 1 FROM files WHERE {where} AND "
            f"(reason IS NULL OR reason NOT IN ({_placeholders(no_image)})) LIMIT 1"
        )
        return self._db.execute(query, (*bounds, *no_image)).fetchone() is not None

    def count_endings(self, root: str, endings: Sequence[str]) -> int:
        """Number of files in a root whose names end with one of `endings`, ignoring case."""
        where, bounds = below(root)
        likes = " OR ".join("source LIKE ?" for _ in endings)
        query = f"SELECT count(*) FROM files WHERE {where} AND ({likes})"
        return int(self._db.execute(query, (*bounds, *(f"%{e}" for e in endings))).fetchone()[0])

    def forget(self, root: str) -> None:
        """Delete the files of a root."""
        where, bounds = below(root)
        self._db.execute(f"DELETE FROM files WHERE {where}", bounds)

    def _count(self, table: str, root: str | None) -> int:
        where, bounds = below(root) if root is not None else ("true", ())
        return int(
            self._db.execute(f"SELECT count(*) FROM {table} WHERE {where}", bounds).fetchone()[0]
        )

    def gone(self) -> Gone:
        """Counts of known files that the walk did not find, whether they exist or not."""
        query = (
            "SELECT count(*), count(DISTINCT header_study), count(*) - count(header_study) "
            f"FROM files WHERE source IN ({NOT_FOUND})"
        )
        return Gone(*self._db.execute(query).fetchone())

    def kept(self, root: str | None = None) -> Kept | None:
        """The known files of one root, or of all, that the walk could not reach; None if none."""
        return self._walk.kept(root)

    def forget_headers(self) -> None:
        """Mark every header to be read again; failure counts and change times are kept."""
        self._db.execute("UPDATE files SET tries = -1 - tries WHERE tries >= 0")

    def apply_walk(self, *, max_failed_runs: int, retry_failed: bool, now_s: float) -> int:
        """Delete files that are gone, with their results; returns the number of unread files.

        A file is unread if it is new, has changed, is marked by `forget_headers`, or failed for a
        temporary reason in fewer than `max_failed_runs` runs. After that, a file without read
        permission is unread when its permissions allow reading. With `retry_failed`, every failed
        file is unread.
        """
        gone = self._db.execute(
            "DELETE FROM files WHERE source IN (SELECT source FROM temp.missing)"
        ).rowcount
        # If the clock was set back, these files would otherwise not settle until it catches up.
        self._db.execute(
            "UPDATE files SET seen_s = ? WHERE source IN (SELECT source FROM temp.walked) "
            "AND seen_s > ?",
            (int(now_s), now_s),
        )
        self._db.execute(
            "UPDATE files SET path = walked.path FROM temp.walked WHERE files.source IN "
            "(SELECT source FROM temp.walked) AND files.source = walked.source "
            "AND files.path <> walked.path"
        )
        if gone:
            self._db.execute(DELETE_ORPHANS)
        failed = [reason for reason in Reason if reason.status is Status.FAILED]
        temporary = [reason for reason in failed if reason.about.temporary]
        again = failed if retry_failed else temporary
        given_up = self._given_up(temporary, max_failed_runs)
        readable = [
            (max_failed_runs - 1, source)
            for source, path, detail in given_up
            if detail in DENIED and os.access(path, os.R_OK, effective_ids=True)
        ]
        self._db.executemany("UPDATE files SET tries = ? WHERE source = ?", readable)
        self.n_given_up = 0 if retry_failed else len(given_up) - len(readable)
        self._db.execute(
            "DELETE FROM temp.walked WHERE EXISTS (SELECT 1 FROM files "
            "WHERE files.source = walked.source AND files.size = walked.size "
            "AND files.mtime_ns = walked.mtime_ns AND files.tries >= 0 AND CASE "
            "WHEN walked.reason IS NULL THEN files.reason IS NULL OR files.tries >= ? "
            f"OR files.reason NOT IN ({_placeholders(again)}) "
            "ELSE files.reason IS walked.reason AND files.detail IS walked.detail END)",
            (1_000_000 if retry_failed else max_failed_runs, *again),
        )
        return self._count("temp.walked", None)

    def _given_up(
        self, temporary: Sequence[Reason], max_failed_runs: int
    ) -> list[tuple[str, bytes, str]]:
        """Source, path and detail of unchanged files that failed in too many runs."""
        return self._db.execute(
            "SELECT files.source, files.path, files.detail FROM temp.walked CROSS JOIN files "
            "ON files.source = walked.source WHERE files.size = walked.size "
            "AND files.mtime_ns = walked.mtime_ns AND walked.reason IS NULL "
            f"AND files.reason IN ({_placeholders(temporary)}) AND files.tries >= ?",
            (*temporary, max_failed_runs),
        ).fetchall()

    def unread(self) -> Iterator[FileEntry | FileNote]:
        """The files that `apply_walk` left unread, ordered by source."""
        last = ""
        while rows := self._db.execute(
            "SELECT source, path, size, mtime_ns, reason, detail FROM temp.walked "
            "WHERE source > ? ORDER BY source LIMIT ?",
            (last, _ROWS_PER_QUERY),
        ).fetchall():
            for source, path, size, mtime_ns, reason, detail in rows:
                if reason:
                    yield FileNote(source, Reason(reason), detail)
                else:
                    yield FileEntry(source, os.fsdecode(path), size, mtime_ns)
            last = rows[-1][0]

    # --- headers

    def put_header(self, entry: FileEntry, found: Instance | FileNote, seen_s: float) -> int:
        """Store the header of a file, and `seen_s`, the time when a run saw the file change.

        Returns the number of runs in which reading it has failed. If an unchanged file is read
        again, its stored time is kept.
        """
        before = self._db.execute(
            "SELECT tries, seen_s FROM files WHERE source = ? AND size = ? AND mtime_ns = ?",
            (entry.source, entry.size, entry.mtime_ns),
        ).fetchone()
        failures, known_s = before or (0, int(seen_s))
        # In states of version 0.1 the time is 0 for files of the first run.
        seen_s = known_s or int(min(seen_s, entry.mtime_ns / 1e9))
        row = (entry.source, os.fsencode(entry.path), entry.size, entry.mtime_ns, seen_s)
        if isinstance(found, Instance):
            document = adapter(Instance).dump_json(found).decode()
            self._put(*row, 0, found.study_uid, document, None, None)
            return 0
        failed = found.reason.status is Status.FAILED
        tries = (failures if failures >= 0 else -1 - failures) + 1 if failed else 0
        self._put(*row, tries, None, None, found.reason, found.detail)
        return tries

    def _put(self, *row: object) -> None:
        self._db.execute(_PUT, row)

    def header_studies(self) -> Iterator[str]:
        """Every StudyInstanceUID found in headers, in order."""
        return ordered(self._db, "SELECT min(header_study) FROM files WHERE header_study > ?")

    def instances(self, header_study: str) -> tuple[list[Instance], dict[str, str]]:
        """The instances of a study, and the version (size and time) of each source."""
        rows = self._db.execute(
            "SELECT source, path, size, mtime_ns, instance FROM files WHERE header_study = ? "
            "ORDER BY source",
            (header_study,),
        ).fetchall()
        instances = [
            adapter(Instance).validate_json(document, context=os.fsdecode(path))
            for _, path, _, _, document in rows
        ]
        return instances, {source: f"{size}:{mtime}" for source, _, size, mtime, _ in rows}

    def path(self, source: str) -> str | None:
        """The last known path of a file; None if the file is unknown."""
        row = self._db.execute("SELECT path FROM files WHERE source = ?", (source,)).fetchone()
        return os.fsdecode(row[0]) if row else None

    def last_change_s(self, header_study: str) -> float:
        """Time (s) when a run last saw a file of the study change; 0 without a file."""
        (seen_s,) = self._db.execute(
            "SELECT coalesce(max(seen_s), 0) FROM files WHERE header_study = ?", (header_study,)
        ).fetchone()
        return float(seen_s)


def _placeholders(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)
