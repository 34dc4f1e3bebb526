"""Look up studies and files in the state by UID, `source` or path."""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from batchmri.reasons import Reason
from batchmri.records import FileNote, Instance, Series, SeriesKey
from batchmri.state.documents import adapter


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file in the state; `instance` is None if its header could not be read, with `reason`."""

    source: str
    path: str
    size: int
    mtime_ns: int
    tries: int
    instance: Instance | None
    reason: Reason | None
    detail: str


@dataclass(frozen=True, slots=True)
class KnownSeries:
    """A series in the state. `status` is empty while it waits; `tries` counts failed runs."""

    series: Series
    status: str
    reason: Reason | None
    detail: str
    tries: int
    may_pass: bool
    processed: bool


@dataclass(frozen=True, slots=True)
class KnownFolder:
    """Files and studies of the state below a folder.

    `reasons` counts the files without an image, `series` the series of its studies by status and
    reason. `studies` contains their UIDs. `partial` contains the StudyInstanceUIDs of which further
    files are elsewhere, with the sources below the folder.
    """

    n_files: int
    n_bytes: int
    reasons: dict[Reason, int]
    series: list[tuple[str, str, int]]
    studies: list[str]
    partial: dict[str, frozenset[str]]


class Lookup:
    """Queries for commands on single studies and files; a scan does not use them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def studies(self, name: str) -> list[str]:
        """The studies with this UID, StudyInstanceUID in the header, or `source` in studies.csv."""
        rows = self._db.execute(
            "SELECT study_uid FROM series WHERE study_uid = ? OR header_study = ? "
            "UNION SELECT study_uid FROM studies WHERE study_uid = ? OR source = ? ORDER BY 1",
            (name, name, name, name.rstrip("/")),
        )
        return [uid for (uid,) in rows]

    def header_studies(self, study_uid: str) -> list[str]:
        """The StudyInstanceUIDs in the headers of the files of a study."""
        rows = self._db.execute(
            "SELECT DISTINCT header_study FROM series WHERE study_uid = ? ORDER BY 1", (study_uid,)
        )
        return [uid for (uid,) in rows]

    def file(self, name: str) -> KnownFile | None:
        """The file with this `source`, or at this path on disk; None if it is unknown."""
        row = self._db.execute(
            "SELECT source, path, size, mtime_ns, tries, instance, reason, detail FROM files "
            "WHERE source = ? OR path = ? ORDER BY source = ? DESC LIMIT 1",
            (name, os.fsencode(os.path.abspath(name)), name),  # noqa: PTH100
        ).fetchone()
        return _known_file(row) if row else None

    def folder(self, name: str) -> KnownFolder | None:
        """Find a folder by its `source` or its path on disk; None if it contains no known file."""
        if not name:
            return None
        source = name.rstrip("/")
        path = os.fsencode(os.path.abspath(name)).rstrip(b"/")  # noqa: PTH100
        # "0" follows "/": all values that begin with the folder and a slash.
        for column, limits in (
            ("source", (f"{source}/", f"{source}0")),
            ("path", (path + b"/", path + b"0")),
        ):
            found = self._folder(f"{column} >= ? AND {column} < ?", limits)
            if found.n_files:
                return found
        return None

    def _folder(self, below: str, limits: tuple[object, ...]) -> KnownFolder:
        n_files, n_bytes = self._db.execute(
            f"SELECT count(*), coalesce(sum(size), 0) FROM files WHERE {below}", limits
        ).fetchone()
        reasons = self._db.execute(
            f"SELECT reason, count(*) FROM files WHERE {below} AND reason IS NOT NULL "
            "GROUP BY reason ORDER BY 2 DESC, 1",
            limits,
        )
        studies = self._db.execute(
            "SELECT DISTINCT study_uid FROM series WHERE header_study IN "
            f"(SELECT header_study FROM files WHERE {below}) ORDER BY 1",
            limits,
        )
        series = self._db.execute(
            "SELECT coalesce(status, 'waiting'), coalesce(reason, ''), count(*) FROM series "
            f"WHERE header_study IN (SELECT header_study FROM files WHERE {below}) "
            "GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2",
            limits,
        )
        return KnownFolder(
            n_files,
            n_bytes,
            {Reason(reason): n for reason, n in reasons},
            [(status, reason, n) for status, reason, n in series],
            [uid for (uid,) in studies],
            self._partial(below, limits),
        )

    def _partial(self, below: str, limits: tuple[object, ...]) -> dict[str, frozenset[str]]:
        rows = self._db.execute(
            "SELECT header_study FROM files WHERE header_study IN "
            f"(SELECT header_study FROM files WHERE {below}) "
            f"GROUP BY header_study HAVING NOT min({below}) ORDER BY 1",
            (*limits, *limits),
        ).fetchall()
        query = f"SELECT source FROM files WHERE header_study = ? AND {below}"
        return {
            study: frozenset(source for (source,) in self._db.execute(query, (study, *limits)))
            for (study,) in rows
        }

    def series(self, study_uid: str) -> list[KnownSeries]:
        """All series of a study, including waiting ones, in order."""
        rows = self._db.execute(
            "SELECT record, coalesce(status, ''), reason, detail, tries, may_pass, processed "
            "FROM series WHERE study_uid = ? ORDER BY series_uid, part",
            (study_uid,),
        )
        return [_known_series(*row) for row in rows]

    def left_out(self, study_uid: str) -> list[FileNote]:
        """The files of a study without a classified slice, ordered by source."""
        rows = self._db.execute(
            "SELECT source, reason, detail, study_uid, series_uid, part FROM left_out "
            "WHERE study_uid = ? ORDER BY source, reason",
            (study_uid,),
        )
        return [FileNote(s, Reason(r), d, SeriesKey(*key)) for s, r, d, *key in rows]

    def slices_of(self, source: str) -> Iterator[tuple[SeriesKey, int]]:
        """The classified slices that a file contains."""
        rows = self._db.execute(
            "SELECT s.study_uid, s.series_uid, s.part, s.slice_index FROM slices s "
            "JOIN series USING (study_uid, series_uid, part) WHERE header_study = "
            "(SELECT header_study FROM files WHERE source = ?) "
            "AND json_extract(s.scores, '$.ref.source') = ? ORDER BY 1, 2, 3, 4",
            (source, source),
        )
        for study_uid, series_uid, part, index in rows:
            yield SeriesKey(study_uid, series_uid, part), index

    def notes_of(self, source: str) -> list[FileNote]:
        """Why a file that belongs to a series has no classified slice."""
        rows = self._db.execute(
            "SELECT reason, detail, study_uid, series_uid, part FROM left_out WHERE source = ? "
            "ORDER BY 3, 4, 5, 1",
            (source,),
        )
        return [FileNote(source, Reason(r), d, SeriesKey(*key)) for r, d, *key in rows]

    def rescan(self, header_study: str) -> int:
        """Mark a study to be processed again; returns the number of its series."""
        self._db.execute(
            "UPDATE files SET tries = -1 - tries WHERE header_study = ? AND tries >= 0",
            (header_study,),
        )
        self._db.execute("INSERT OR IGNORE INTO unplanned VALUES (?)", (header_study,))
        for table in ("slices", "left_out"):
            self._db.execute(
                f"DELETE FROM {table} WHERE (study_uid, series_uid, part) IN "
                "(SELECT study_uid, series_uid, part FROM series WHERE header_study = ?)",
                (header_study,),
            )
        return self._db.execute(
            "UPDATE series SET fingerprint = '', status = NULL, reason = NULL, detail = '', "
            "processed = 0, tries = 0, may_pass = 0, picture_class = '', model_digest = '' "
            "WHERE header_study = ?",
            (header_study,),
        ).rowcount

    def forget(self, header_study: str) -> None:
        """Delete the files and series of a study, and its rows in all other tables."""
        for table in ("changes", "listed"):
            self._db.execute(
                f"DELETE FROM {table} WHERE study_uid IN "
                "(SELECT study_uid FROM series WHERE header_study = ?)",
                (header_study,),
            )
        for table in ("series", "files", "unplanned"):  # a trigger adds to `unplanned`
            self._db.execute(f"DELETE FROM {table} WHERE header_study = ?", (header_study,))

    def compact(self) -> None:
        """Rewrite the database file, so that nothing deleted remains in it."""
        self._db.execute("VACUUM")


def _known_file(row: tuple[Any, ...]) -> KnownFile:
    source, path, size, mtime_ns, tries, instance, reason, detail = row
    return KnownFile(
        source,
        os.fsdecode(path),
        size,
        mtime_ns,
        tries if tries >= 0 else -1 - tries,
        adapter(Instance).validate_json(instance) if instance else None,
        Reason(reason) if reason else None,
        detail or "",
    )


def _known_series(
    record: str, status: str, reason: str, detail: str, tries: int, may_pass: int, processed: int
) -> KnownSeries:
    return KnownSeries(
        adapter(Series).validate_json(record),
        status,
        Reason(reason) if reason else None,
        detail,
        tries,
        bool(may_pass),
        bool(processed),
    )
