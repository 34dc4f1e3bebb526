"""Opening state.db: one writer, a rollback journal, one transaction per series."""

import json
import os
import secrets
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from batchmri.errors import OutputError, StateError
from batchmri.state.changes import ChangeIndex
from batchmri.state.files import FileIndex
from batchmri.state.schema import prepare
from batchmri.state.series import SeriesIndex
from batchmri.state.studies import StudyIndex
from batchmri.state.transaction import Bulk, Transaction


class Store:
    """state.db of one output folder, or one in memory for a dry run.

    Raises StateError for a file that is not a state.db of this version.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            # Created before SQLite opens it, so that it is never readable for others.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        name = ":memory:" if path is None else os.fspath(path)
        self.location = name
        self._db = sqlite3.connect(name, isolation_level=None)
        try:
            self._db.executescript("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
            prepare(self._db, name)
        except sqlite3.DatabaseError as error:
            raise StateError(f"{name}: not a state.db that can be read ({error})") from None

        self.files = FileIndex(self._db)
        self.series = SeriesIndex(self._db)
        self.studies = StudyIndex(self._db)
        self.changes = ChangeIndex(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._db.close()
        if isinstance(error, sqlite3.Error):
            raise OutputError(f"{self.location}: {error}") from error

    def transaction(self) -> Transaction:
        """Everything inside is written, or nothing is."""
        return Transaction(self._db)

    def bulk(self, size: int) -> Bulk:
        """Many small writes, committed every `size` ticks and at the end."""
        return Bulk(self._db, size)

    def meta(self, key: str) -> str | None:
        """What was noted under `key`."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Note `value` under `key`; where it stands already, nothing is written."""
        if self.meta(key) == value:
            return
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def patient_key(self) -> bytes:
        """The secret of this output that patient digests are keyed with."""
        if (known := self.meta("patient_key")) is None:
            known = secrets.token_hex(32)
            self.set_meta("patient_key", known)
        return bytes.fromhex(known)

    def remember_roots(self, roots: Mapping[str, str]) -> None:
        """Note which folders this output has been made from."""
        known = self.known_roots() | {str(Path(path).absolute()) for path in roots.values()}
        self.set_meta("roots", json.dumps(sorted(known)))

    def known_roots(self) -> set[str]:
        """The folders that this output has been made from."""
        return set(json.loads(self.meta("roots") or "[]"))

    # --- runs

    def put_run(self, record: Mapping[str, object]) -> None:
        """Note how a run went."""
        self._db.execute("INSERT INTO runs (record) VALUES (?)", (json.dumps(record),))

    def last_runs(self, n: int) -> list[dict[str, Any]]:
        """How the last runs went, the newest first."""
        rows = self._db.execute("SELECT record FROM runs ORDER BY number DESC LIMIT ?", (n,))
        return [json.loads(record) for (record,) in rows]
