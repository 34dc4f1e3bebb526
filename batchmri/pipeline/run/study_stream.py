"""results.jsonl: a line per study as soon as all of its series are done, while a scan runs."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from batchmri.errors import OutputError
from batchmri.outputs.atomic_write import FILE_MODE
from batchmri.outputs.rows import study_export
from batchmri.outputs.schema import columns
from batchmri.outputs.tables.jsonl import document, json_line
from batchmri.pipeline.aggregate import aggregate, study_version
from batchmri.records import Classes
from batchmri.settings import Settings
from batchmri.state.store import Store

_TAIL = 1 << 16
_GROUP = 64
_REVISION_KEY = "listed_revision"


class StudyStream:
    """Context manager that appends finished studies to results.jsonl, in order of completion.

    Every line is on disk before the state records it. After a kill, an incomplete last line is
    removed and complete ones are recorded, so that no study is listed twice. A study whose files,
    headers or model have changed is listed again. `on_line` receives each new line.
    """

    def __init__(
        self,
        store: Store,
        classes: Classes,
        settings: Settings,
        output: Path,
        on_line: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._classes = classes
        self._settings = settings
        self._path = output / "results.jsonl"
        self._on_line = on_line
        identifiers = settings.report.identifiers
        self._columns = {
            table: columns(table, classes.names, identifiers=identifiers)
            for table in ("studies", "series")
        }

    def __enter__(self) -> Self:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        try:
            self._file = open(os.open(self._path, flags, FILE_MODE), "r+b", buffering=0)
            self._resume()
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error
        return self

    def _resume(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size == 0:
            self._store.listed.clear()
            self._store.set_meta(_REVISION_KEY, "")
            return
        length, tail = _TAIL, b""
        while tail.count(b"\n") <= _GROUP and len(tail) < size:
            self._file.seek(max(0, size - length))
            tail, length = self._file.read(length), 2 * length
        complete, _, rest = tail.rpartition(b"\n")
        if rest:
            self._file.truncate(size - len(rest))
        last: dict[str, tuple[str, bytes]] = {}  # a study that has changed has several lines
        for line in complete.split(b"\n")[-_GROUP:]:
            with suppress(ValueError, KeyError, TypeError):  # not a line of batchmri
                study = json.loads(line)
                last[study["study_uid"]] = (study["version"], line + b"\n")
        for uid, (version, line) in last.items():
            if self._store.listed.version(uid) != version:
                self._store.listed.put(uid, version)
                self._on_line(line)

    def add_finished(self) -> None:
        """List all finished studies that are not listed in their current version."""
        revision = str(self._store.revision)
        if self._store.meta(_REVISION_KEY) == revision:
            return
        self.add(self._store.listed.known())
        self._store.set_meta(_REVISION_KEY, revision)

    def add(self, uids: Iterable[str]) -> None:
        """List those of several different studies that are done and not listed in this version."""
        unlisted = ((uid, version) for uid in uids if (version := self._unlisted_version(uid)))
        while group := list(islice(unlisted, _GROUP)):
            self._append(group)

    def _unlisted_version(self, uid: str) -> str:
        """The version of a study to list; empty if it is listed or not all series are done."""
        facts = self._store.series.version_facts(uid)
        version = study_version(facts) if facts else ""
        return "" if version == self._store.listed.version(uid) else version

    def _append(self, group: Sequence[tuple[str, str]]) -> None:
        """Append studies (UID, version), at most as many as `_resume` records."""
        lines = [self._line(uid, version) for uid, version in group]
        try:
            self._file.write(b"".join(lines))
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error
        with self._store.transaction():
            for uid, version in group:
                self._store.listed.put(uid, version)
        for line in lines:
            self._on_line(line)

    def _line(self, uid: str, version: str) -> bytes:
        results = self._store.series.study(uid)
        found = aggregate(uid, results, self._classes, self._settings)
        study = study_export(
            uid,
            found.results,
            found.verdicts,
            found.deciding,
            self._classes,
            self._settings.report,
            with_slices=False,
        )
        listed = document(study, self._columns["studies"], self._columns["series"])
        return json_line({**listed, "version": version})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._file.close()
