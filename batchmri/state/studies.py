"""The studies as last exported to the tables, for finding changes in the next run."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from batchmri.state.transaction import ordered


@dataclass(frozen=True, slots=True)
class ExportedStudy:
    """A study as last exported: `version` is a digest of its files, `montage` of its montage."""

    uid: str
    source: str
    version: str
    verdict: str
    montage: str


class StudyIndex:
    """The table `studies`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def get(self, uid: str) -> ExportedStudy | None:
        """The last export of a study; None if there is none."""
        row = self._db.execute(
            "SELECT study_uid, source, version, verdict, montage FROM studies WHERE study_uid = ?",
            (uid,),
        ).fetchone()
        return ExportedStudy(*row) if row else None

    def put(self, study: ExportedStudy) -> None:
        """Store the current export of a study."""
        self._db.execute(
            "INSERT OR REPLACE INTO studies VALUES (?, ?, ?, ?, ?)",
            (study.uid, study.source, study.version, study.verdict, study.montage),
        )

    def drop(self, uid: str) -> None:
        """Delete the record of a study, so that its absence is not reported as a change."""
        self._db.execute("DELETE FROM studies WHERE study_uid = ?", (uid,))

    def forget_version(self, uid: str) -> None:
        """Mark the version of a study as unknown: it is not compared at the next export."""
        self._db.execute("UPDATE studies SET version = '' WHERE study_uid = ?", (uid,))

    def with_montage(self) -> Iterator[str]:
        """The exported studies that have a montage, in order."""
        return ordered(
            self._db, "SELECT min(study_uid) FROM studies WHERE study_uid > ? AND montage <> ''"
        )

    def gone(self) -> Iterator[str]:
        """Exported studies that have no series any more."""
        return ordered(
            self._db,
            "SELECT min(study_uid) FROM studies WHERE study_uid > ? "
            "AND study_uid NOT IN (SELECT study_uid FROM series)",
        )

    def is_known(self, uid: str) -> bool:
        """Whether any series of the study is known."""
        row = self._db.execute(
            "SELECT 1 FROM series WHERE study_uid = ? LIMIT 1", (uid,)
        ).fetchone()
        return row is not None
