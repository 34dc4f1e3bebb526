"""Persons and sources that do not train, so that the network may be judged on them."""

from collections.abc import Sequence

from batchmri.errors import UsageError
from batchmri.training.table import Row


def without(rows: Sequence[Row], left_out: Sequence[str]) -> list[Row]:
    """The rows without those of the train split that show one left out, or are made of such."""
    for one in left_out:
        if not any(row.split == "train" and _shows(row, one) for row in rows):
            raise UsageError(f"left_out: split train has no source or patient {one!r}")
    return [
        row for row in rows if row.split != "train" or not any(_shows(row, one) for one in left_out)
    ]


def _shows(row: Row, one: str) -> bool:
    """Whether a picture shows a person, or one of a group whose names begin so."""
    return any(f"{person} ".startswith(f"{one} ") for person in row.made_of or (row.person,))
