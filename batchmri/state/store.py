"""Access to state.db: one writer, and a rollback journal."""

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from batchmri.errors import OutputBusyError, OutputError, StateError
from batchmri.state.dicom import DicomIndex
from batchmri.state.files import FileIndex
from batchmri.state.listed import ListedStudies
from batchmri.state.lookup import Lookup
from batchmri.state.merge import Merge
from batchmri.state.pending import OPEN_KEY, PendingExport
from batchmri.state.schema import prepare
from batchmri.state.series import SeriesIndex
from batchmri.state.studies import StudyIndex
from batchmri.state.transaction import Bulk, Transaction
from batchmri.state.unplanned import UnplannedStudies

_BUSY_TIMEOUT_S = 30
_MOUNT_POINTS = "mount_points"
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_OUTPUT_ERRORS = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


def _create(path: Path) -> None:
    """Create the file before SQLite opens it, so that other users can never read it."""
    try:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise OutputError(f"{path}: cannot be created ({error.strerror})") from None


class Store:
    """The state.db of one output folder, or a database in memory for a dry run.

    Opening it waits while another process writes, and migrates a state.db of an older version.
    Raises StateError for a file that is not a state.db or is of a newer version, OutputBusyError
    after 30 s of waiting, and OutputError if the file cannot be opened or created.
    """

    def __init__(self, path: Path | None) -> None:
        name = ":memory:" if path is None else os.fspath(path)
        self.location = name
        if path is not None:
            _create(path)
        try:
            self._db = sqlite3.connect(name, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        except sqlite3.Error as error:
            raise self.explained(error) from None
        try:
            self._db.executescript("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
            prepare(self._db, name)
        except sqlite3.Error as error:
            self._db.close()
            raise self.explained(error) from None

        self.files = FileIndex(self._db)
        self.series = SeriesIndex(self._db)
        self.unplanned = UnplannedStudies(self._db)
        self.studies = StudyIndex(self._db)
        self.dicom = DicomIndex(self._db)
        self.listed = ListedStudies(self._db)
        self.lookup = Lookup(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._db.close()
        if error is not None and (known := self.explained(error)) is not error:
            raise known from error

    def explained(self, error: BaseException) -> BaseException:
        """Convert an SQLite error to a BatchmriError; returns any other error unchanged."""
        code = getattr(error, "sqlite_errorcode", None)
        if not isinstance(error, sqlite3.Error) or code is None:
            return error
        code &= 0xFF  # primary result code of an extended one
        if code in _BUSY:
            return OutputBusyError(
                f"{self.location}: another program has used it for {_BUSY_TIMEOUT_S} s; "
                "try again later"
            )
        if code in _DAMAGED:
            return StateError(
                f"{self.location}: not a state.db that can be read ({error}); restore it from a "
                "backup, or choose a new --out"
            )
        if code in _OUTPUT_ERRORS:
            return OutputError(f"{self.location}: {error}")
        return error

    def transaction(self) -> Transaction:
        """Context manager that writes everything inside, or nothing after an exception."""
        return Transaction(self._db)

    def bulk(self, size: int) -> Bulk:
        """Context manager for many small writes, committed every `size` ticks and at the end."""
        return Bulk(self._db, size)

    def merge(self, other: Path) -> Merge:
        """Context manager that reads another state.db into this one."""
        return Merge(self._db, other)

    def pending_export(self) -> PendingExport:
        """The collected changes of an export that begins now."""
        return PendingExport(self._db)

    @property
    def revision(self) -> int:
        """A number that increases with every change of the contents of the tables."""
        return int(self._db.execute("SELECT number FROM revision").fetchone()[0])

    @property
    def changes_are_open(self) -> bool:
        """Whether the run of the last changes was interrupted."""
        return self.meta(OPEN_KEY) is not None

    def meta(self, key: str) -> str | None:
        """The value stored under `key`; None if there is none."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Store `value` under `key`; writes nothing if the value is already stored."""
        if self.meta(key) == value:
            return
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def patient_key(self) -> bytes:
        """The secret key of patient digests in this output; created at first use."""
        if (known := self.meta("patient_key")) is None:
            known = secrets.token_hex(32)
            self.set_meta("patient_key", known)
        return bytes.fromhex(known)

    def remember_roots(self, paths: Iterable[str], folder_labels: Mapping[str, str]) -> None:
        """Add to the known roots of this output, and to its labels of folders around files."""
        known = self.known_roots() | {str(Path(path).absolute()) for path in paths}
        self.set_meta("roots", json.dumps(sorted(known)))
        labels = self.folder_labels() | dict(folder_labels)
        if labels:
            self.set_meta("folder_labels", json.dumps(labels, sort_keys=True))

    def folder_labels(self) -> dict[str, str]:
        """The labels of folders (real path) that contained files given as PATHs."""
        return dict(json.loads(self.meta("folder_labels") or "{}"))

    def known_roots(self) -> set[str]:
        """All folders and files that were given as PATHs of scans into this output."""
        return set(json.loads(self.meta("roots") or "[]"))

    def remember_mount_points(self, sources: Iterable[str]) -> None:
        """Replace the mount points of the last walk."""
        if found := sorted(sources):
            self.set_meta(_MOUNT_POINTS, json.dumps(found))
        else:
            self._db.execute("DELETE FROM meta WHERE key = ?", (_MOUNT_POINTS,))

    def mount_points(self) -> frozenset[str]:
        """The `source` of each folder with files that was a mount point in the last walk."""
        found = json.loads(self.meta(_MOUNT_POINTS) or "[]")
        return frozenset(source for source in found if self.files.count(source))

    # --- runs

    def put_run(self, record: Mapping[str, object]) -> None:
        """Store the record of a run."""
        self._db.execute("INSERT INTO runs (record) VALUES (?)", (json.dumps(record),))

    def last_runs(self, n: int) -> list[dict[str, Any]]:
        """The records of the last `n` runs, newest first."""
        rows = self._db.execute("SELECT record FROM runs ORDER BY number DESC LIMIT ?", (n,))
        return [json.loads(record) for (record,) in rows]
