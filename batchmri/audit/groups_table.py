"""The table that says which patient, person and source a picture is of (`--groups`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batchmri.audit.files import Picture
from batchmri.errors import UsageError
from batchmri.training.csv_table import read_csv, require_columns

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
    columns, records = read_csv(path, "groups table")
    require_columns(path, "groups table", columns, ("file",))
    if not set(COLUMNS) & set(columns):
        raise UsageError(
            f"groups table {path}: none of the columns {', '.join(COLUMNS)} "
            f"(it has {', '.join(columns)})"
        )
    rows = {(path.parent / row["file"]).resolve(): row for _, row in records}
    named = [rows.get(picture.found.path.resolve(), {}) for picture in pictures]
    if not any(named):
        raise UsageError(
            f"groups table {path}: names none of the pictures; its files are relative to it"
        )
    return Groups(*([row.get(column, "") for row in named] for column in COLUMNS))
