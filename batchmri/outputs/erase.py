"""Remove single studies from files that an export does not rewrite, such as results.jsonl."""

import csv
import json
from collections.abc import Collection
from itertools import chain
from pathlib import Path

from batchmri.outputs.atomic_write import NewFile


def erase_studies(output: Path, uids: Collection[str]) -> None:
    """Delete the lines of these studies in results.jsonl, the dry run's lists and `changes/`.

    A file without such a line is not touched. Raises OutputError.
    """
    single = [output / "results.jsonl", output / "dry-run-series.jsonl"]
    tables = [output / "dry-run-series.csv", *sorted((output / "changes").glob("*.csv"))]
    for path in chain(single, tables):
        if path.is_file() and not path.is_symlink():
            _erase(path, frozenset(uids))


def _erase(path: Path, uids: frozenset[str]) -> None:
    of_line = _uid_in_json if path.suffix == ".jsonl" else _uid_in_csv
    with path.open("rb") as old, NewFile(path) as new:
        for line in old:
            if of_line(line.decode(errors="replace")) not in uids:
                new.write(line)


def _uid_in_json(line: str) -> str:
    try:
        return str(json.loads(line)["study_uid"])
    except (ValueError, KeyError, TypeError):
        return ""  # not a line of batchmri


def _uid_in_csv(line: str) -> str:
    """The first cell: `study_uid` in these tables, whose cells contain no line breaks."""
    return next(iter(next(csv.reader([line]), [])), "")
