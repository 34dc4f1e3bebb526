"""Table of labeled volumes (`--labels`): labels of files, folders and slices."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from batchmri.errors import UsageError
from batchmri.evaluation.row_selection import ALL, DEFAULT, check_classes
from batchmri.training.csv_table import read_csv, require_columns

_REQUIRED = ("path", "label")


@dataclass(frozen=True, slots=True)
class VolumeLabel:
    """Label of a file, of all files in a folder, or of one slice if `slice_index` is set.

    `path` is relative to DATA, with `/`. `slice_index` counts as in slices.csv, from 0 along the
    slice normal.
    """

    path: str
    label: str
    patient: str = ""
    source: str = ""
    slice_index: int | None = None


def read_volume_labels(
    table: Path, data: Path, split: str | None, classes: Sequence[str]
) -> list[VolumeLabel]:
    """Read the rows of a split (default: test), or all rows if there is no column split.

    Required columns: path, label. Optional columns: patient, source, slice_index (or slice), split.
    Raises UsageError for a table that cannot be read, a path outside `data`, or a class that is
    unknown to the model.
    """
    if not data.is_dir():
        raise UsageError(f"{data}: no such folder")
    columns, records = read_csv(table, "labels")
    require_columns(table, "labels", columns, _REQUIRED)
    if "split" in columns and (selected_split := split or DEFAULT) != ALL:
        splits = sorted({record["split"] or "none" for _, record in records})
        records = [(line, record) for line, record in records if record["split"] == selected_split]
        if not records:
            raise UsageError(
                f"labels {table}: no rows of split {selected_split} ({', '.join(splits)})"
            )
    found = [_label(table, data, line, record) for line, record in records]
    if not found:
        raise UsageError(f"labels {table}: no rows")
    check_classes(table, (row.label for row in found), classes)
    return found


def _label(table: Path, data: Path, line: int, record: dict[str, str]) -> VolumeLabel:
    where = f"labels {table}, line {line}"
    path = PurePosixPath(record["path"] or "")
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise UsageError(f"{where}: path {record['path']!r} is not below {data}")
    if not (data / path).exists():
        raise UsageError(f"{where}: no file or folder {data / path}")
    if not record["label"]:
        raise UsageError(f"{where}: label is empty")
    index = record.get("slice_index") or record.get("slice") or ""
    if index and not index.isdigit():
        raise UsageError(f"{where}: slice {index!r} is not a whole number of at least 0")
    return VolumeLabel(
        str(path),
        record["label"],
        record.get("patient") or "",
        record.get("source") or "",
        int(index) if index else None,
    )
