"""The tables of state.db.

files      one row per file found by the walk: its header (an Instance) or the reason it has none;
           `seen_s` is the time when a run saw the file change (in the first run of an output its
           modification time, if that is in the past); `tries` is the number of failed reads, or
           -1 minus that number if the header has to be read again
series     one row per assembled series: the record and its result (status null: waiting);
           `tries` is the number of runs in which it failed, `may_pass` whether it may yet succeed
slices     one row per classified slice: its Scores and its picture
left_out   files that belong to a series, but have no classified slice
studies    the last exported row of each study, and a digest of its montage; `version` is empty
           if it is unknown, after a migration
changes    the changes of the last run that changed anything, as JSON
listed     the version of each study that results.jsonl contains
unplanned  studies (as in headers) whose files have changed since their series were planned
           (triggers), so that no other study has to be assembled again
revision   a number that every change to series, slices, left_out or files increases (triggers)
runs       one row per finished run, for `batchmri status`
meta       key of patient digests, provenance of the results, version of the header reader, roots,
           mount points in them, labels of folders, DICOM objects, and the record of the last export
"""

import sqlite3

from batchmri.errors import StateError
from batchmri.state.migrations import migrate_from_1

VERSION = 3
UNSETTLED = "may_pass OR reason = 'still_arriving'"
"""Condition for series that a later run may plan differently although their files are the same."""
DELETE_ORPHANS = """
DELETE FROM series WHERE header_study IN (SELECT header_study FROM unplanned)
AND NOT EXISTS (SELECT 1 FROM files WHERE files.header_study = series.header_study)
"""
"""Statement that deletes the series of studies that no header refers to any more."""

# files and series have rowids because their rows are long: without rowids each would take a page.

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
    source TEXT PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    seen_s INTEGER NOT NULL, tries INTEGER NOT NULL,
    header_study TEXT, instance TEXT, reason TEXT, detail TEXT
);
CREATE INDEX files_by_study ON files (header_study) WHERE header_study IS NOT NULL;
CREATE TABLE series (
    study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, part TEXT NOT NULL,
    header_study TEXT NOT NULL, fingerprint TEXT NOT NULL, record TEXT NOT NULL,
    status TEXT, reason TEXT, detail TEXT NOT NULL DEFAULT '',
    processed INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    may_pass INTEGER NOT NULL DEFAULT 0, picture_class TEXT NOT NULL DEFAULT '',
    model_digest TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (study_uid, series_uid, part)
);
CREATE INDEX series_by_header_study ON series (header_study);
CREATE TABLE slices (
    study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, part TEXT NOT NULL,
    slice_index INTEGER NOT NULL, scores TEXT NOT NULL, picture TEXT,
    PRIMARY KEY (study_uid, series_uid, part, slice_index),
    FOREIGN KEY (study_uid, series_uid, part) REFERENCES series ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE left_out (
    study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, part TEXT NOT NULL,
    source TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (study_uid, series_uid, part, source, reason),
    FOREIGN KEY (study_uid, series_uid, part) REFERENCES series ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX left_out_by_source ON left_out (source);
CREATE TABLE studies (
    study_uid TEXT PRIMARY KEY, source TEXT NOT NULL, version TEXT NOT NULL,
    verdict TEXT NOT NULL, montage TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE runs (number INTEGER PRIMARY KEY, record TEXT NOT NULL);
"""
_TRIGGERS = """
CREATE TRIGGER {table}_{name} AFTER {event} ON {table}
BEGIN UPDATE revision SET number = number + 1; END;
"""
_EVENTS = {
    "series": ("INSERT", "UPDATE", "DELETE"),
    "slices": ("INSERT", "UPDATE", "DELETE"),
    "left_out": ("INSERT", "UPDATE", "DELETE"),
    "files": ("INSERT", "UPDATE OF source, reason, detail", "DELETE"),
}
_NEW_IN_2 = """
CREATE TABLE changes (study_uid TEXT PRIMARY KEY, change TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE listed (study_uid TEXT PRIMARY KEY, version TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE revision (number INTEGER NOT NULL);
INSERT INTO revision VALUES (1);
""" + "".join(
    _TRIGGERS.format(table=table, event=event, name=event.partition(" ")[0].lower())
    for table, events in _EVENTS.items()
    for event in events
)
# INSERT OR IGNORE would not be ignored: the conflict rule of the outer statement applies (SQLite).
_UNPLANNED = """
INSERT INTO unplanned SELECT {row}.header_study WHERE {row}.header_study IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM unplanned WHERE header_study = {row}.header_study);
"""
_OLD, _NEW = _UNPLANNED.format(row="OLD"), _UNPLANNED.format(row="NEW")
_NEW_IN_3 = f"""
CREATE TABLE unplanned (header_study TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE INDEX series_unsettled ON series (header_study) WHERE {UNSETTLED};
CREATE INDEX series_waiting ON series (header_study) WHERE status IS NULL;
CREATE TRIGGER files_new AFTER INSERT ON files BEGIN {_NEW} END;
CREATE TRIGGER files_gone AFTER DELETE ON files BEGIN {_OLD} END;
CREATE TRIGGER files_changed
AFTER UPDATE OF size, mtime_ns, seen_s, header_study, instance ON files BEGIN {_OLD} {_NEW} END;
"""


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """Create the tables, or migrate those of an older version in one transaction.

    Raises StateError for a state.db of a newer version or of another program.
    """
    version = _version(connection)
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have migrated it meanwhile
        if version > VERSION:
            raise StateError(
                f"{path}: written by a newer version of batchmri (schema {version}, this version "
                f"reads {VERSION}); update batchmri, or choose a new --out"
            )
        if version == 0:
            if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise StateError(
                    f"{path}: is a database of another program; choose a new --out or --state"
                )
            _execute(connection, _TABLES + _NEW_IN_2 + _NEW_IN_3)
        if version == 1:
            _execute(connection, _NEW_IN_2)
            migrate_from_1(connection)
        if version in (1, 2):
            _execute(connection, _NEW_IN_3)
            connection.execute("DELETE FROM meta WHERE key = 'planned'")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _execute(connection: sqlite3.Connection, script: str) -> None:
    """Run statements in the current transaction, which `executescript` would commit."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
