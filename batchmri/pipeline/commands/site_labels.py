"""Labels of a site for `batchmri calibrate`: reading the table and finding its series."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from batchmri.errors import UsageError, did_you_mean
from batchmri.reasons import Status
from batchmri.records import TUMOR, Classes, SeriesResult

KEYS = ("series_uid", "study_uid", "source")
"""Columns that name what a row labels; the first one in the table is used."""
_LABEL = "label"


@dataclass(frozen=True, slots=True)
class SiteLabel:
    """A row of the table: the value of the key column, the label, and the line number."""

    name: str
    label: str
    line: int


def read_labels(table: Path, classes: Classes) -> tuple[str, list[SiteLabel]]:
    """Return the key column and the labels of a CSV; rows with an empty label are ignored.

    Raises UsageError with one line for a table that cannot be used.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            key = _key_column(table, reader.fieldnames or ())
            labels = list(_rows(table, reader, key, classes))
    except IsADirectoryError:
        raise UsageError(f"--labels {table}: is a folder; name a CSV file") from None
    except OSError as error:
        raise UsageError(f"--labels {table}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"--labels {table}: is not UTF-8 text (byte {error.start})") from None
    except csv.Error as error:
        raise UsageError(f"--labels {table}: is not valid CSV: {error}") from None
    if not labels:
        raise UsageError(f"--labels {table}: no row has a label")
    return key, labels


def _key_column(table: Path, columns: Iterable[str]) -> str:
    key = next((name for name in KEYS if name in columns), None)
    if key is None or _LABEL not in columns:
        found = ", ".join(columns) or "none"
        raise UsageError(
            f"--labels {table}: needs the columns label and one of {', '.join(KEYS)}; "
            f"it has {found}"
        )
    return key


def _rows(
    table: Path, reader: "csv.DictReader[str]", key: str, classes: Classes
) -> Iterator[SiteLabel]:
    known = tuple(dict.fromkeys((*classes.names, TUMOR)))
    lines: dict[str, int] = {}
    for row in reader:
        name, label = (row[key] or "").strip(), (row[_LABEL] or "").strip()
        if not label:
            continue
        where = f"--labels {table}, line {reader.line_num}"
        if label not in known:
            hint = did_you_mean(label, known)
            raise UsageError(f"{where}: label {label!r} is not one of {', '.join(known)}{hint}")
        if not name:
            raise UsageError(f"{where}: {key} is empty")
        if name in lines:
            raise UsageError(f"{where}: {key} {name} was already labeled in line {lines[name]}")
        lines[name] = reader.line_num
        yield SiteLabel(name, label, reader.line_num)


def match_labels(
    table: Path,
    key: str,
    labels: Iterable[SiteLabel],
    studies: Iterable[tuple[str, list[SeriesResult]]],
) -> list[tuple[SiteLabel, list[SeriesResult]]]:
    """Return each label with its classified series; there are none if all were skipped or failed.

    A `source` may be that of a series, or a folder that contains the series of one study. Raises
    UsageError for a label without any series, or with series of several studies.
    """
    by_name = {label.name: label for label in labels}
    found: dict[str, list[SeriesResult]] = {}
    for _, results in studies:
        for result in results:
            for name in _names(key, result):
                if name in by_name:
                    found.setdefault(name, []).append(result)
    return [(label, _checked(table, key, label, found)) for label in by_name.values()]


def _names(key: str, result: SeriesResult) -> Iterator[str]:
    series = result.series
    if key != "source":
        yield series.key.series_uid if key == "series_uid" else series.key.study_uid
        return
    source = series.source
    while source:
        yield source
        source = source.rpartition("/")[0]


def _checked(
    table: Path, key: str, label: SiteLabel, found: Mapping[str, list[SeriesResult]]
) -> list[SeriesResult]:
    where = f"--labels {table}, line {label.line}"
    results = found.get(label.name, [])
    if not results:
        raise UsageError(f"{where}: this output contains no series with {key} {label.name}")
    studies = {result.series.key.study_uid for result in results}
    if len(studies) > 1:
        raise UsageError(
            f"{where}: {key} {label.name} contains {len(studies)} studies; label each study"
        )
    return [result for result in results if result.status is Status.CLASSIFIED]
