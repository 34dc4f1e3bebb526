"""Exclusion of persons and sources from training, so that the network can be evaluated on them."""

from collections.abc import Sequence

from batchmri.errors import UsageError
from batchmri.training.table import Row


def without(rows: Sequence[Row], held_out: Sequence[str]) -> list[Row]:
    """Remove the train rows that show someone in `held_out`, or were made from their images.

    Entries of `held_out` are sources or persons. Raises UsageError if one matches no train row.
    """
    for one in held_out:
        if not any(row.split == "train" and _shows(row, one) for row in rows):
            raise UsageError(f"held_out: split train has no source or patient {one!r}")
    return [
        row for row in rows if row.split != "train" or not any(_shows(row, one) for one in held_out)
    ]


def belongs_to(person: str, one: str) -> bool:
    """Whether `person` ("source patient") is `one` or begins with the words of `one`."""
    return f"{person} ".startswith(f"{one} ")


def _shows(row: Row, one: str) -> bool:
    return any(belongs_to(person, one) for person in row.made_of or (row.person,))
