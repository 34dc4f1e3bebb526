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


def is_of(person: str, one: str) -> bool:
    """Whether a person is the one named, or of the source, or part of it, that is named."""
    return f"{person} ".startswith(f"{one} ")


def _shows(row: Row, one: str) -> bool:
    return any(is_of(person, one) for person in row.made_of or (row.person,))
