"""The series of an archive: waiting, skipped, or processed with their results."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import Enum

from batchmri.reasons import Reason, Status
from batchmri.records import FileNote, Scores, Series, SeriesKey, SeriesResult
from batchmri.state.documents import adapter
from batchmri.state.schema import DELETE_ORPHANS, UNSETTLED
from batchmri.state.transaction import ordered

_BY_KEY = "study_uid = ? AND series_uid = ? AND part = ?"


class Trouble(Enum):
    """Whether reading a series failed, at least in part, and whether a later run may succeed."""

    NONE = 0
    TEMPORARY = 1
    PERMANENT = 2


class SeriesIndex:
    """The tables `series`, `slices` and `left_out`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def put(self, series: Series, header_study: str, skipped: tuple[Reason, str] | None) -> None:
        """Store a series as waiting, or as skipped for a reason.

        The number of failed runs is kept if the files of the series are unchanged.
        """
        reason, detail = skipped or (None, "")
        before = self._db.execute(
            f"SELECT tries FROM series WHERE {_BY_KEY} AND fingerprint = ?",
            (*series.key, series.fingerprint),
        ).fetchone()
        self._db.execute(f"DELETE FROM series WHERE {_BY_KEY}", series.key)
        self._db.execute(
            "INSERT INTO series (study_uid, series_uid, part, header_study, fingerprint, record, "
            "status, reason, detail, tries) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *series.key,
                header_study,
                series.fingerprint,
                _dump_series(series),
                reason.status if reason else None,
                reason,
                detail,
                before[0] if before else 0,
            ),
        )

    def keep_only(self, header_study: str, keys: Iterable[SeriesKey]) -> None:
        """Delete the series of a study that are no longer assembled from its files."""
        gone = set(self._keys(header_study)) - set(keys)
        self._db.executemany(f"DELETE FROM series WHERE {_BY_KEY}", gone)

    def _keys(self, header_study: str) -> list[SeriesKey]:
        rows = self._db.execute(
            "SELECT study_uid, series_uid, part FROM series WHERE header_study = ?", (header_study,)
        )
        return [SeriesKey(*row) for row in rows]

    def put_result(
        self, result: SeriesResult, fingerprint: str, left_out: Sequence[FileNote], trouble: Trouble
    ) -> int:
        """Store the result of a series, in a transaction of the caller.

        Nothing is written if the files of the series no longer match `fingerprint`. Returns the
        number of runs in which the series has failed, at least in part.
        """
        key = result.series.key
        row = self._db.execute(
            f"SELECT tries FROM series WHERE {_BY_KEY} AND fingerprint = ?", (*key, fingerprint)
        ).fetchone()
        if row is None:
            return 0
        tries: int = 0 if trouble is Trouble.NONE else row[0] + 1
        self._db.execute(
            "UPDATE series SET record = ?, status = ?, reason = ?, detail = ?, processed = 1, "
            f"tries = ?, may_pass = ?, picture_class = ?, model_digest = ? WHERE {_BY_KEY}",
            (
                _dump_series(result.series),
                result.status,
                result.reason,
                result.detail,
                tries,
                trouble is Trouble.TEMPORARY,
                result.picture_class,
                result.model_digest,
                *key,
            ),
        )
        pictures = dict(result.pictures)
        self._db.executemany(
            "INSERT INTO slices VALUES (?, ?, ?, ?, ?, ?)",
            (
                (*key, s.ref.index, _dump_scores(s), pictures.get(s.ref.index))
                for s in result.scores
            ),
        )
        self.put_left_out(left_out)
        return tries

    def has_another_try(self, key: SeriesKey, *, max_failed_runs: int, retry_failed: bool) -> bool:
        """Whether a processed series failed, at least in part, and has to be tried again."""
        row = self._db.execute(
            f"SELECT tries, may_pass FROM series WHERE {_BY_KEY} AND processed = 1", key
        ).fetchone()
        return bool(row and row[0] and (retry_failed or (row[1] and row[0] < max_failed_runs)))

    def was_denied(self, key: SeriesKey, details: Sequence[str]) -> bool:
        """Whether a series failed, at least in part, with `io_error` and one of these details."""
        marks = ", ".join("?" for _ in details)
        row = self._db.execute(
            "SELECT 1 FROM series LEFT JOIN left_out USING (study_uid, series_uid, part) "
            f"WHERE {_BY_KEY} AND may_pass AND ((series.reason = ? AND series.detail IN ({marks})) "
            f"OR (left_out.reason = ? AND left_out.detail IN ({marks})))",
            (*key, Reason.IO_ERROR, *details, Reason.IO_ERROR, *details),
        ).fetchone()
        return row is not None

    def put_left_out(self, notes: Iterable[FileNote]) -> None:
        """Store files of a series that have no classified slice."""
        self._db.executemany(
            "INSERT OR REPLACE INTO left_out VALUES (?, ?, ?, ?, ?, ?)",
            ((*n.key, n.source, n.reason, n.detail) for n in notes),
        )

    def result(self, key: SeriesKey) -> tuple[SeriesResult, str] | None:
        """The result of a processed series, and the fingerprint at that time; None without one."""
        row = self._db.execute(
            "SELECT record, status, reason, detail, picture_class, model_digest, fingerprint "
            f"FROM series WHERE {_BY_KEY} AND processed = 1",
            key,
        ).fetchone()
        return (self._result(key, row[:-1]), row[-1]) if row else None

    def fingerprint(self, key: SeriesKey) -> str:
        """The stored fingerprint of a series; empty if it is unknown."""
        row = self._db.execute(f"SELECT fingerprint FROM series WHERE {_BY_KEY}", key).fetchone()
        return row[0] if row else ""

    def update_record(self, series: Series) -> None:
        """Store the current record and fingerprint of a series, and keep its result.

        Flags that were found in its pixels are kept too. Writes nothing if the record is the same.
        """
        row = self._db.execute(f"SELECT record FROM series WHERE {_BY_KEY}", series.key).fetchone()
        flags = {*series.flags, *adapter(Series).validate_json(row[0]).flags}
        record = _dump_series(replace(series, flags=tuple(sorted(flags))))
        self._db.execute(
            f"UPDATE series SET record = ?, fingerprint = ? WHERE {_BY_KEY} "
            "AND (record <> ? OR fingerprint <> ?)",
            (record, series.fingerprint, *series.key, record, series.fingerprint),
        )

    def waits(self, key: SeriesKey, fingerprint: str) -> bool:
        """Whether the series with this fingerprint is waiting to be classified."""
        row = self._db.execute(
            f"SELECT 1 FROM series WHERE {_BY_KEY} AND fingerprint = ? AND status IS NULL",
            (*key, fingerprint),
        ).fetchone()
        return row is not None

    def is_skipped(self, key: SeriesKey, fingerprint: str, skipped: tuple[Reason, str]) -> bool:
        """Whether the series with this fingerprint is stored as skipped for the same reason."""
        row = self._db.execute(
            f"SELECT 1 FROM series WHERE {_BY_KEY} AND fingerprint = ? AND processed = 0 "
            "AND reason = ? AND detail = ?",
            (*key, fingerprint, *skipped),
        ).fetchone()
        return row is not None

    def studies_waiting(self) -> Iterator[str]:
        """The StudyInstanceUIDs (as in headers) of waiting series, in order."""
        return ordered(
            self._db,
            "SELECT min(header_study) FROM series WHERE status IS NULL AND header_study > ?",
        )

    def forget_results(self) -> None:
        """Delete all results; no study counts as gone. All studies have to be planned again."""
        self._db.execute(
            "UPDATE series SET fingerprint = '', status = NULL, reason = NULL, detail = '', "
            "processed = 0, tries = 0, may_pass = 0, picture_class = '', model_digest = ''"
        )
        self._db.execute("INSERT OR IGNORE INTO unplanned SELECT header_study FROM series")
        self._db.execute("DELETE FROM slices")
        self._db.execute("DELETE FROM left_out")

    def drop_orphans(self) -> None:
        """Delete the series of studies that no header refers to any more."""
        self._db.execute(DELETE_ORPHANS)

    def studies(self) -> Iterator[tuple[str, list[SeriesResult]]]:
        """The studies without a waiting series, each with its results, in order."""
        for uid in ordered(self._db, "SELECT min(study_uid) FROM series WHERE study_uid > ?"):
            if results := self.study(uid):
                yield uid, results

    def study(self, uid: str) -> list[SeriesResult]:
        """The results of a study; empty while any of its series is waiting."""
        rows = self._db.execute(
            "SELECT series_uid, part, record, status, reason, detail, picture_class, "
            "model_digest FROM series WHERE study_uid = ? ORDER BY series_uid, part",
            (uid,),
        ).fetchall()
        if any(row[3] is None for row in rows):
            return []
        return [self._result(SeriesKey(uid, row[0], row[1]), row[2:]) for row in rows]

    def version_facts(self, uid: str) -> list[tuple[str, str]]:
        """Fingerprint and model digest of each series of a study; empty while any is waiting.

        Objects written by batchmri are omitted.
        """
        rows = self._db.execute(
            "SELECT fingerprint, model_digest, status, reason FROM series WHERE study_uid = ? "
            "ORDER BY series_uid, part",
            (uid,),
        ).fetchall()
        if any(status is None for _, _, status, _ in rows):
            return []
        return [(row[0], row[1]) for row in rows if row[3] != Reason.OWN_RESULT]

    def _result(self, key: SeriesKey, row: tuple[str, ...]) -> SeriesResult:
        record, status, reason, detail, picture_class, model_digest = row
        slices = self._db.execute(
            f"SELECT scores, picture FROM slices WHERE {_BY_KEY} ORDER BY slice_index", key
        ).fetchall()
        scores = tuple(adapter(Scores).validate_json(document) for document, _ in slices)
        return SeriesResult(
            series=adapter(Series).validate_json(record),
            status=Status(status),
            reason=Reason(reason) if reason else None,
            detail=detail,
            scores=scores,
            pictures=tuple((s.ref.index, p) for s, (_, p) in zip(scores, slices, strict=True) if p),
            picture_class=picture_class,
            model_digest=model_digest,
        )

    def count_by_status(self) -> dict[tuple[str, str], int]:
        """Number of series by status and reason; both are empty for waiting series."""
        rows = self._db.execute(
            "SELECT coalesce(status, ''), coalesce(reason, ''), count(*) FROM series "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return {(status, reason): count for status, reason, count in rows}

    def pictures(self) -> Iterator[tuple[SeriesKey, str]]:
        """The paths of all pictures, relative to the output, each with its series."""
        query = "SELECT study_uid, series_uid, part, picture FROM slices WHERE picture IS NOT NULL"
        for *key, path in self._db.execute(query):
            yield SeriesKey(*key), path

    def n_given_up(self, max_failed_runs: int) -> int:
        """Number of series that failed for a temporary reason in `max_failed_runs` runs."""
        # The first condition lets SQLite use the index of unsettled series.
        query = f"SELECT count(*) FROM series WHERE ({UNSETTLED}) AND may_pass AND tries >= ?"
        return int(self._db.execute(query, (max_failed_runs,)).fetchone()[0])

    def drawn(self, ending: str = "") -> Iterator[SeriesKey]:
        """The series that were drawn and whose `picture_class` ends with `ending`."""
        rows = self._db.execute(
            "SELECT study_uid, series_uid, part FROM series "
            "WHERE picture_class <> '' AND picture_class LIKE ?",
            (f"%{ending}",),
        )
        return (SeriesKey(*key) for key in rows)

    def n_waiting(self) -> int:
        """Number of series waiting to be classified."""
        return int(
            self._db.execute("SELECT count(*) FROM series WHERE status IS NULL").fetchone()[0]
        )

    def notes(self) -> Iterator[FileNote]:
        """Files in no series and files left out of one, ordered by source.

        The rows are streamed from a cursor: do not write while iterating.
        """
        rows = self._db.execute(
            "SELECT source, reason, detail, '', '', '' FROM files WHERE reason IS NOT NULL "
            "UNION ALL SELECT source, reason, detail, study_uid, series_uid, part FROM left_out "
            "WHERE study_uid NOT IN (SELECT study_uid FROM series WHERE status IS NULL) "
            "ORDER BY 1, 4, 5, 6, 2"
        )
        for source, reason, detail, *key in rows:
            yield FileNote(source, Reason(reason), detail, SeriesKey(*key))


def _dump_series(series: Series) -> str:
    # The slices can be assembled from the files again; only their number is stored.
    return (
        adapter(Series).dump_json(replace(series, slices=(), n_slices=len(series.slices))).decode()
    )


def _dump_scores(scores: Scores) -> str:
    return adapter(Scores).dump_json(scores).decode()
