"""Exclusion of persons and sources from training, so that the network can be evaluated on them."""

from collections.abc import Sequence

from batchmri.errors import UsageError
from batchmri.training.table import Row


def without(rows: Sequence[Row], left_out: Sequence[str]) -> list[Row]:
    """Remove the train rows that show someone in `left_out`, or were made from their images.

    Entries of `left_out` are sources or persons. Raises UsageError if one matches no train row.
    """
    for one in left_out:
        if not any(row.split == "train" and _shows(row, one) for row in rows):
            raise UsageError(f"left_out: split train has no source or patient {one!r}")
    return [
        row for row in rows if row.split != "train" or not any(_shows(row, one) for one in left_out)
    ]


def is_of(person: str, one: str) -> bool:
    """Whether `person` ("source patient") equals `one` or starts with it at a word boundary."""
    return f"{person} ".startswith(f"{one} ")


def _shows(row: Row, one: str) -> bool:
    return any(is_of(person, one) for person in row.made_of or (row.person,))
