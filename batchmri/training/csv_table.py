"""Reading of CSV tables as written by spreadsheets and pandas."""

import csv
from collections.abc import Sequence
from pathlib import Path

from batchmri.errors import UsageError

_SEPARATORS = ",;\t"
Record = dict[str, str]
"""Cells of a row by column name, stripped of whitespace; empty if the row is too short."""


def read_csv(path: Path, what: str) -> tuple[list[str], list[tuple[int, Record]]]:
    """Return the named columns of a table, and its rows with the number of their last line.

    The file is UTF-8 with or without a byte order mark, separated by commas, semicolons (the
    default of spreadsheets in many languages) or tabs. Columns without a name, such as the index
    that pandas writes, are ignored. Raises UsageError if the file cannot be read; `what` is the
    name of the table in the message.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            header = handle.readline()
            handle.seek(0)
            reader = csv.DictReader(handle, delimiter=_separator(header), restkey="")
            names = {name: (name or "").strip() for name in reader.fieldnames or ()}
            columns = {name: plain for name, plain in names.items() if _is_named(plain)}
            rows = [
                (reader.line_num, {columns[name]: (row[name] or "").strip() for name in columns})
                for row in reader
            ]
    except OSError as error:
        raise UsageError(f"{what} {path}: {_reason(error)}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{what} {path}: is not UTF-8 text; save it as CSV UTF-8") from None
    except csv.Error as error:
        raise UsageError(f"{what} {path}: cannot be read as CSV: {error}") from None
    return list(columns.values()), rows


def require_columns(path: Path, what: str, columns: Sequence[str], required: Sequence[str]) -> None:
    """Raise UsageError if a required column is missing."""
    for column in required:
        if column not in columns:
            has = ", ".join(columns)
            raise UsageError(f"{what} {path}: no column {column!r} (it has {has or 'none'})")


def _separator(header: str) -> str:
    return max(_SEPARATORS, key=header.count)


def _is_named(column: str) -> bool:
    return bool(column) and not column.startswith("Unnamed: ")  # pandas' name for its index


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    return f"cannot be read ({error.strerror})"
