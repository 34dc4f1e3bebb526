"""A manifest: which files of a data set show the same image, and which split each is meant for."""

from dataclasses import dataclass
from pathlib import Path

from batchmri.training.csv_table import read_csv, require_columns

COLUMNS = ("file", "dup_group", "suggested_split", "representative", "person")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the data set; `person` is "" where unknown."""

    image: str
    split: str
    representative: bool
    person: str


class Manifest:
    """Entries by file, found by the end of a path."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries = entries
        self._deepest = max((name.count("/") + 1 for name in entries), default=0)

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a CSV with COLUMNS. Raises UsageError."""
        columns, rows = read_csv(path, "manifest")
        require_columns(path, "manifest", columns, COLUMNS)
        return cls({row["file"]: _entry(row) for _, row in rows})

    def find(self, path: Path) -> Entry | None:
        """The entry of the longest file name that ends the path; None where there is none."""
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
