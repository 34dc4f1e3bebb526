"""The studies as the tables last told them, so that a run can say what has changed."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from batchmri.state.transaction import ordered


@dataclass(frozen=True, slots=True)
class ExportedStudy:
    """What the tables said of a study: a digest of its files, its verdict, and its montage's."""

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
        """What was told of a study."""
        row = self._db.execute(
            "SELECT study_uid, source, version, verdict, montage FROM studies WHERE study_uid = ?",
            (uid,),
        ).fetchone()
        return ExportedStudy(*row) if row else None

    def put(self, told: ExportedStudy) -> None:
        """Note what is told now."""
        self._db.execute(
            "INSERT OR REPLACE INTO studies VALUES (?, ?, ?, ?, ?)",
            (told.uid, told.source, told.version, told.verdict, told.montage),
        )

    def drop(self, uid: str) -> None:
        """Forget a study that is gone."""
        self._db.execute("DELETE FROM studies WHERE study_uid = ?", (uid,))

    def gone(self) -> Iterator[str]:
        """Studies that were told of, and of which no series is known any more."""
        return ordered(
            self._db,
            "SELECT min(study_uid) FROM studies WHERE study_uid > ? "
            "AND study_uid NOT IN (SELECT study_uid FROM series)",
        )

    def is_known(self, uid: str) -> bool:
        """Whether any series of this study is known."""
        row = self._db.execute(
            "SELECT 1 FROM series WHERE study_uid = ? LIMIT 1", (uid,)
        ).fetchone()
        return row is not None
