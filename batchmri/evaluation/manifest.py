"""Manifest of a data set: duplicate group, suggested split and person of each file."""

from dataclasses import dataclass
from pathlib import Path

from batchmri.training.csv_table import read_csv, require_columns

COLUMNS = ("file", "dup_group", "suggested_split", "representative", "person")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the data set. `image` is its duplicate group; `person` is "" if unknown."""

    image: str
    split: str
    representative: bool
    person: str


class Manifest:
    """Entries by file name; a path belongs to the entry whose name it ends with."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries = entries
        self._deepest = max((name.count("/") + 1 for name in entries), default=0)

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a CSV file with COLUMNS. Raises UsageError if it cannot be read."""
        columns, rows = read_csv(path, "manifest")
        require_columns(path, "manifest", columns, COLUMNS)
        return cls({row["file"]: _entry(row) for _, row in rows})

    def find(self, path: Path) -> Entry | None:
        """Return the entry with the longest file name that the path ends with, if there is one."""
        parts = path.parts
        for length in range(min(self._deepest, len(parts)), 0, -1):
            entry = self.entries.get("/".join(parts[-length:]))
            if entry is not None:
                return entry
        return None


def _entry(row: dict[str, str]) -> Entry:
    return Entry(
        image=row["dup_group"],
        split=row["suggested_split"],
        representative=row["representative"] == "1",
        person=row["person"],
    )
