"""The results that an output already contains, for a dry run, which only reads its state.db."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from batchmri.errors import StateError
from batchmri.records import SeriesKey
from batchmri.state.schema import VERSION

_BUSY_TIMEOUT_S = 30


class KnownResults:
    """Context manager for the results in a state.db; empty if it does not exist or is older.

    Raises StateError for a file that is not a state.db.
    """

    def __init__(self, path: Path | None) -> None:
        self._db: sqlite3.Connection | None = None
        if path is None or not path.is_file():
            return
        try:
            address = f"file:{quote(str(path.resolve()))}?mode=ro"
            self._db = sqlite3.connect(address, timeout=_BUSY_TIMEOUT_S, uri=True)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            self._db = None
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY:
                return  # a scan was killed; the next one rolls its last transaction back
            raise StateError(f"{path}: not a state.db that can be read ({error})") from None
        if version != VERSION:
            self._db.close()
            self._db = None

    def has(self, key: SeriesKey, fingerprint: str) -> bool:
        """Whether the series has a result and its files are unchanged."""
        query = (
            "SELECT 1 FROM series WHERE study_uid = ? AND series_uid = ? AND part = ? "
            "AND fingerprint = ? AND processed = 1"
        )
        return bool(self._db and self._db.execute(query, (*key, fingerprint)).fetchone())

    def files(self) -> Iterator[tuple[str, str | None]]:
        """The `source` of each known file, and the StudyInstanceUID in its header."""
        if self._db:
            yield from self._db.execute("SELECT source, header_study FROM files")

    @property
    def patient_key(self) -> str | None:
        """The key of patient digests, on which UIDs of studies of several patients depend."""
        return self._meta("patient_key")

    @property
    def folder_labels(self) -> dict[str, str]:
        """The labels of folders (real path) that contained files given as PATHs."""
        return dict(json.loads(self._meta("folder_labels") or "{}"))

    @property
    def slices_per_second(self) -> float | None:
        """The rate of the last run that classified anything; None if there is none."""
        rows = self._db.execute("SELECT record FROM runs ORDER BY number DESC") if self._db else ()
        for (record,) in rows:
            run = json.loads(record)
            if run["slices"]:
                return float(run.get("slices_per_second") or run["slices"] / max(1, run["seconds"]))
        return None

    def _meta(self, key: str) -> str | None:
        query = "SELECT value FROM meta WHERE key = ?"
        row = self._db.execute(query, (key,)).fetchone() if self._db else None
        return row[0] if row else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._db is not None:
            self._db.close()
