"""The table that says which patient, person and source a picture is of (`--groups`)."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batchmri.errors import UsageError
from batchmri.training.audit.files import Picture

COLUMNS = ("patient", "person", "source")


@dataclass(frozen=True, slots=True)
class Groups:
    """One text per picture in each column, "" where it is not known."""

    patient: list[str]
    person: list[str]
    source: list[str]


def no_groups(count: int) -> Groups:
    """Nothing known of any of `count` pictures."""
    return Groups([""] * count, [""] * count, [""] * count)


def read_groups(path: Path, pictures: Sequence[Picture]) -> Groups:
    """Read the table (CSV, UTF-8): `file`, relative to it, and at least one of COLUMNS.

    Other columns are ignored. Raises UsageError where it cannot be read, lacks a column, or names
    none of the pictures.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            _check(path, reader.fieldnames or [])
            rows = {(path.parent / (row["file"] or "")).resolve(): row for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"groups table {path}: cannot be read: {error}") from None
    named = [rows.get(picture.found.path.resolve(), {}) for picture in pictures]
    if not any(named):
        raise UsageError(
            f"groups table {path}: names none of the pictures; its files are relative to it"
        )
    return Groups(*([(row.get(column) or "").strip() for row in named] for column in COLUMNS))


def _check(path: Path, columns: Sequence[str]) -> None:
    if "file" not in columns:
        raise UsageError(f"groups table {path}: no column 'file' (has: {', '.join(columns)})")
    if not set(COLUMNS) & set(columns):
        raise UsageError(
            f"groups table {path}: none of the columns {', '.join(COLUMNS)} "
            f"(has: {', '.join(columns)})"
        )
