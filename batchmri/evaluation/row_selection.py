"""Select the rows to evaluate by split, and check that the model knows their classes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from batchmri.errors import UsageError
from batchmri.training.folders import has_split_folders
from batchmri.training.table import Row, read_rows

ALL = "all"
DEFAULT = "test"


def choose_rows(data: Path, split: str | None, classes: Sequence[str]) -> list[Row]:
    """Return the rows of a split of a table or folder; `ALL` selects every row.

    Without `split`, rows of the test split are selected, or all images if the folder has no folder
    per split. Raises UsageError if there are no such rows or a class is unknown to the model.
    """
    rows = read_rows(data)
    if split is None:
        without_splits = data.is_dir() and not has_split_folders(data)
        split = ALL if without_splits else DEFAULT
    selected = [row for row in rows if split in (ALL, row.split)]
    if not selected:
        splits = ", ".join(sorted({row.split for row in rows})) or "none"
        raise UsageError(f"{data}: no rows of split {split} (there are: {splits}); see --split")
    check_classes(data, (row.label for row in selected), classes)
    return selected


def check_classes(data: Path, labels: Iterable[str], classes: Sequence[str]) -> None:
    """Check labels. Raises UsageError for a class that is unknown to the model."""
    for label in labels:
        if label not in classes:
            raise UsageError(
                f"{data}: class {label!r} is not a class of the model ({', '.join(classes)})"
            )
