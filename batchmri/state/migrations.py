"""Migrations of state.db between versions of its schema."""

import sqlite3

from batchmri.identifiers import files_digest

_KEY_OF = "study_uid = ? AND series_uid = ? AND part = ?"


def migrate_from_1(db: sqlite3.Connection) -> None:
    """Migrate the tables of version 0.1.

    Series parts begin with `p`, changes have their own table, and fingerprints keep only the digest
    of the files of a series, because header values of version 0.1 cannot be compared. The version
    of each exported study becomes unknown, so that no study is reported as changed.
    """
    db.execute("PRAGMA defer_foreign_keys = ON")
    for table in ("series", "slices", "left_out"):
        db.execute(f"UPDATE {table} SET part = 'p' || part WHERE part <> '' AND part NOT LIKE 'p%'")
    db.execute("UPDATE series SET record = json_set(record, '$.key[2]', part)")
    rows = db.execute(
        "SELECT study_uid, series_uid, part, header_study, json_extract(record, '$.n_files') "
        "FROM series WHERE fingerprint <> ''"
    ).fetchall()
    for *key, header_study, n_files in rows:
        files = _files_of(db, key, header_study, n_files)
        known = f"0::{files_digest(files)}" if files else ""
        db.execute(f"UPDATE series SET fingerprint = ? WHERE {_KEY_OF}", (known, *key))
    db.execute("UPDATE studies SET version = ''")
    _move_changes(db)


def _files_of(
    db: sqlite3.Connection, key: list[str], header_study: str, n_files: int
) -> list[tuple[str, str]]:
    """The files of a series, each with its version; empty if they are not all known."""
    version = "source, size || ':' || mtime_ns"
    whole = db.execute(
        f"SELECT {version} FROM files WHERE header_study = ? "
        "AND json_extract(instance, '$.series_uid') = ?",
        (header_study, key[1]),
    ).fetchall()
    if len(whole) == n_files:
        return whole
    of_part = db.execute(
        f"SELECT {version} FROM files WHERE source IN ("
        f"SELECT json_extract(scores, '$.ref.source') FROM slices WHERE {_KEY_OF} "
        f"UNION SELECT source FROM left_out WHERE {_KEY_OF})",
        (*key, *key),
    ).fetchall()
    return of_part if len(of_part) == n_files else []


def _move_changes(db: sqlite3.Connection) -> None:
    rows = db.execute("SELECT key, value FROM meta WHERE key LIKE 'change:%'").fetchall()
    for key, value in rows:
        db.execute("INSERT INTO changes VALUES (?, ?)", (key.partition(":")[2], value))
    db.execute("DELETE FROM meta WHERE key LIKE 'change:%'")
