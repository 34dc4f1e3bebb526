"""DICOM objects of the studies, and which were sent where: rows `dicom:` and `sent:` of `meta`."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass

from batchmri.state.transaction import ordered

_PREFIX = "dicom:"
_SENT = "sent:"


@dataclass(frozen=True, slots=True)
class DicomObject:
    """A DICOM object in the output folder; `path` is relative to the folder."""

    kind: str
    path: str
    instance_uid: str


class DicomIndex:
    """The objects of each study, with a digest of what they were made from."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def get(self, study_uid: str) -> tuple[str, tuple[DicomObject, ...]] | None:
        """The digest and the objects of a study; None if there are none."""
        row = self._db.execute(
            "SELECT value FROM meta WHERE key = ?", (_PREFIX + study_uid,)
        ).fetchone()
        if row is None:
            return None
        digest, objects = json.loads(row[0])
        return digest, tuple(DicomObject(*values) for values in objects)

    def put(self, study_uid: str, digest: str, objects: tuple[DicomObject, ...]) -> None:
        """Store the objects of a study."""
        value = json.dumps([digest, [astuple(one) for one in objects]])
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_PREFIX + study_uid, value))

    def drop(self, study_uid: str) -> None:
        """Remove the objects of a study."""
        self._db.execute("DELETE FROM meta WHERE key = ?", (_PREFIX + study_uid,))

    def studies(self) -> Iterator[str]:
        """The studies with objects, in order."""
        query = "SELECT min(key) FROM meta WHERE key > max(?, 'dicom:') AND key < 'dicom;'"
        for key in ordered(self._db, query):
            yield key.removeprefix(_PREFIX)

    def was_sent(self, peer: str, instance_uid: str) -> bool:
        """Whether an object was sent to a peer."""
        key = f"{_SENT}{peer}:{instance_uid}"
        return self._db.execute("SELECT 1 FROM meta WHERE key = ?", (key,)).fetchone() is not None

    def mark_sent(self, peer: str, instance_uid: str) -> None:
        """Record that an object was sent to a peer."""
        key = f"{_SENT}{peer}:{instance_uid}"
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, '')", (key,))
