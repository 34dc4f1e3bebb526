"""The PATHs of a command line → labelled roots of the archive."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from batchmri.archive import label_roots
from batchmri.errors import ArchiveError, UsageError
from batchmri.state import Store


def find_roots(paths: Sequence[str | Path], database: Path | None = None) -> dict[str, str]:
    """Label → path of every root; `-` reads paths from standard input, one per line.

    Raises UsageError for a path that is not there; ArchiveError where the output of `database`
    has seen it before.
    """
    given = [line for path in paths for line in _lines(path)]
    if not given:
        raise UsageError("no PATH given: name a folder or a file to scan")
    seen = _seen(database)
    for path in given:
        if not Path(path).exists():
            if str(Path(path).absolute()) in seen:
                raise ArchiveError(f"{path}: was scanned before and is not there (not mounted?)")
            raise UsageError(f"{path}: no such file or folder")
    return label_roots(given)


def _lines(path: str | Path) -> Iterable[str]:
    if str(path) != "-":
        return [str(path)]
    return [line.rstrip("\n") for line in sys.stdin if line.strip()]


def _seen(database: Path | None) -> set[str]:
    if database is None or not database.exists():
        return set()
    with Store(database) as store:
        return store.known_roots()
