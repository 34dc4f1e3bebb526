"""The files of an archive as last seen: size, time, and what their headers say."""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from pydantic import TypeAdapter

from batchmri.records import FileEntry, FileNote, Instance
from batchmri.state.transaction import ordered

_INSTANCE = TypeAdapter(Instance)


class FileIndex:
    """The table `files`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def begin_walk(self) -> int:
        """Start a walk; its number marks what it sees."""
        (last,) = self._db.execute("SELECT max(walk) FROM files").fetchone()
        return int(last or 0) + 1

    def is_known(self, entry: FileEntry, walk: int) -> bool:
        """Whether this very file was read before; marks it as seen."""
        cursor = self._db.execute(
            "UPDATE files SET walk = ?, path = ? WHERE source = ? AND size = ? AND mtime_ns = ?",
            (walk, os.fsencode(entry.path), entry.source, entry.size, entry.mtime_ns),
        )
        return cursor.rowcount == 1

    def put_header(self, entry: FileEntry, found: Instance | FileNote, walk: int) -> None:
        """Note what a file's header says."""
        row = (entry.source, os.fsencode(entry.path), entry.size, entry.mtime_ns, walk)
        if isinstance(found, Instance):
            # The path is kept as bytes beside it: JSON has no words for names that are not UTF-8.
            document = _INSTANCE.dump_json(replace(found, path="")).decode()
            self._put_file(*row, found.study_uid, document, None, None)
        else:
            self._put_file(*row, None, None, found.reason, found.detail)

    def _put_file(self, *row: object) -> None:
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def end_walk(self, walk: int) -> None:
        """Forget the files that the walk did not see, and what was found in them."""
        self._db.execute("DELETE FROM files WHERE walk <> ?", (walk,))
        self._db.execute(
            "DELETE FROM series WHERE header_study NOT IN "
            "(SELECT header_study FROM files WHERE header_study IS NOT NULL)"
        )

    def count(self) -> int:
        """Files met by the last walk."""
        return int(self._db.execute("SELECT count(*) FROM files").fetchone()[0])

    def header_studies(self) -> Iterator[str]:
        """Every StudyInstanceUID that headers name, in order."""
        return ordered(self._db, "SELECT min(header_study) FROM files WHERE header_study > ?")

    def instances(self, header_study: str) -> tuple[list[Instance], dict[str, str]]:
        """The instances of a study, and the version (size and time) of each source."""
        rows = self._db.execute(
            "SELECT source, path, size, mtime_ns, instance FROM files WHERE header_study = ? "
            "ORDER BY source",
            (header_study,),
        ).fetchall()
        instances = [
            replace(_INSTANCE.validate_json(document), path=os.fsdecode(path))
            for _, path, _, _, document in rows
        ]
        return instances, {source: f"{size}:{mtime}" for source, _, size, mtime, _ in rows}
