"""Table of the patient, person and source of each image (`--groups`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batchmri.audit.files import AuditedImage
from batchmri.errors import UsageError
from batchmri.training.csv_table import read_csv, require_columns

COLUMNS = ("patient", "person", "source")


@dataclass(frozen=True, slots=True)
class Groups:
    """Patient, person and source of each image, "" if unknown."""

    patient: list[str]
    person: list[str]
    source: list[str]


def no_groups(count: int) -> Groups:
    """Return unknown groups for `count` images."""
    return Groups([""] * count, [""] * count, [""] * count)


def read_groups(path: Path, images: Sequence[AuditedImage]) -> Groups:
    """Read a table (CSV, UTF-8) with `file`, relative to the table, and at least one of COLUMNS.

    Other columns are ignored. Raises UsageError if the table cannot be read, lacks a column, or
    lists none of the images.
    """
    columns, records = read_csv(path, "groups table")
    require_columns(path, "groups table", columns, ("file",))
    if not set(COLUMNS) & set(columns):
        raise UsageError(
            f"groups table {path}: none of the columns {', '.join(COLUMNS)} "
            f"(it has {', '.join(columns)})"
        )
    rows = {(path.parent / row["file"]).resolve(): row for _, row in records}
    named = [rows.get(image.found.path.resolve(), {}) for image in images]
    if not any(named):
        raise UsageError(
            f"groups table {path}: lists none of the audited files; paths are relative to the table"
        )
    return Groups(*([row.get(column, "") for row in named] for column in COLUMNS))
