"""The rows that are judged: those of a split, of classes that the model knows."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from batchmri.errors import UsageError
from batchmri.training.folders import has_split_folders
from batchmri.training.table import Row, read_rows

ALL = "all"
DEFAULT = "test"


def choose_rows(data: Path, split: str | None, classes: Sequence[str]) -> list[Row]:
    """The rows of a split of a table or folder, `ALL` for every one.

    Without `split`, those of test; every picture of a folder without a folder per split. Raises
    UsageError where there are none, or one is of a class that the model does not know.
    """
    rows = read_rows(data)
    if split is None:
        flat = data.is_dir() and not has_split_folders(data)
        split = ALL if flat else DEFAULT
    chosen = [row for row in rows if split in (ALL, row.split)]
    if not chosen:
        there = ", ".join(sorted({row.split for row in rows})) or "none"
        raise UsageError(f"{data}: no rows of split {split} (there are: {there}); see --split")
    check_classes(data, (row.label for row in chosen), classes)
    return chosen


def check_classes(data: Path, labels: Iterable[str], classes: Sequence[str]) -> None:
    """Raise UsageError for a class that the model does not know."""
    for label in labels:
        if label not in classes:
            raise UsageError(
                f"{data}: class {label!r} is unknown to the model (knows {', '.join(classes)})"
            )
