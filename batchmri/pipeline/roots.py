"""The PATHs of a command line → labelled roots of the archive."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from batchmri.archive import label_roots
from batchmri.errors import UsageError


def find_roots(paths: Sequence[str | Path]) -> dict[str, str]:
    """Label → path of every root; `-` reads paths from standard input, one per line.

    Raises UsageError for a path that is not there.
    """
    given = [line for path in paths for line in _lines(path)]
    if not given:
        raise UsageError("no PATH given: name a folder or a file to scan")
    for path in given:
        if not Path(path).exists():
            raise UsageError(f"{path}: no such file or folder")
    return label_roots(given)


def _lines(path: str | Path) -> Iterable[str]:
    if str(path) != "-":
        return [str(path)]
    return [line.rstrip("\n") for line in sys.stdin if line.strip()]
