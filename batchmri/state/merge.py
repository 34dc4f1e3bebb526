"""Joining the contents of several state.db files."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from batchmri.state.transaction import Transaction

# Ordered so that rows are added after the rows that they refer to.
_TABLES = ("files", "series", "slices", "left_out")
_STUDY = {
    "files": "source, size, mtime_ns, reason, detail",
    "series": "study_uid, series_uid, part, fingerprint, record, status, reason, detail, "
    "processed, picture_class, model_digest",
}
_SERIES = {
    "slices": "slice_index, scores, picture",
    "left_out": "source, reason, detail",
}
_Rows = list[tuple[object, ...]]


class Merge:
    """Context manager that reads another state.db into the one of `connection`.

    Equal rows are added once. Counts of failed runs and change times are kept.
    """

    def __init__(self, connection: sqlite3.Connection, other: Path) -> None:
        self._db = connection
        self._other = str(other)

    def __enter__(self) -> "Merge":
        self._db.execute("ATTACH ? AS other", (self._other,))
        return self

    def __exit__(self, *_: object) -> None:
        self._db.execute("DETACH other")

    def differing_study(self) -> str | None:
        """UID of a study whose files or results differ between the two states, if there is one."""
        shared = self._db.execute(
            "SELECT header_study FROM main.files INTERSECT SELECT header_study FROM other.files "
            "ORDER BY header_study"
        ).fetchall()
        for (uid,) in shared:
            if uid is not None and list(self._study("main", uid)) != list(
                self._study("other", uid)
            ):
                return str(uid)
        return None

    def differing_file(self) -> str | None:
        """The `source` of a file that differs between the two states."""
        compared = ("size", "mtime_ns", "header_study", "reason", "detail")
        one, two = (", ".join(f"{table}.{name}" for name in compared) for table in ("a", "b"))
        row = self._db.execute(
            "SELECT a.source FROM main.files a JOIN other.files b ON a.source = b.source "
            f"WHERE ({one}) IS NOT ({two}) ORDER BY a.source LIMIT 1"
        ).fetchone()
        return row[0] if row else None

    def add(self) -> None:
        """Add the files, series and results of the other state, and its DICOM objects."""
        with Transaction(self._db):
            for table in _TABLES:
                names = ", ".join(self._columns(table))
                self._db.execute(
                    f"INSERT OR IGNORE INTO main.{table} ({names}) "
                    f"SELECT {names} FROM other.{table}"
                )
            self._db.execute(
                "INSERT OR IGNORE INTO main.meta SELECT * FROM other.meta "
                "WHERE key LIKE 'dicom:%' OR key LIKE 'sent:%'"
            )

    def _columns(self, table: str) -> list[str]:
        """The columns of a table; a migrated state may have them in another order."""
        return [row[1] for row in self._db.execute(f"PRAGMA main.table_info({table})")]

    def _study(self, schema: str, header_study: str) -> Iterator[_Rows]:
        """Everything known of a study that does not depend on the history of its output."""
        for table, columns in _STUDY.items():
            yield self._db.execute(
                f"SELECT {columns} FROM {schema}.{table} WHERE header_study = ? ORDER BY {columns}",
                (header_study,),
            ).fetchall()
        for table, columns in _SERIES.items():
            yield self._db.execute(
                f"SELECT {columns} FROM {schema}.{table} WHERE (study_uid, series_uid, part) IN "
                f"(SELECT study_uid, series_uid, part FROM {schema}.series WHERE header_study = ?) "
                f"ORDER BY study_uid, series_uid, part, {columns}",
                (header_study,),
            ).fetchall()
