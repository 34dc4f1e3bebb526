"""What a scan says of labelled volumes: its tables joined with the labels."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchmri.archive.walker import label_roots
from batchmri.evaluation.volume_labels import VolumeLabel
from batchmri.identifiers import escape
from batchmri.records import INDETERMINATE

Record = Mapping[str, str]
STRATA = ("plane", "sequence", "manufacturer")
_NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Case:
    """A series or a patient: what it is, and what the scan calls it.

    `verdict` is a class, indeterminate, or "" where nothing was classified (`reason` says why);
    `tumor` its probability of a tumour, None then. `strata` names plane, sequence, manufacturer of
    a series; `record` is its row of series.csv.
    """

    label: str
    patient: str
    source: str
    verdict: str
    tumor: float | None
    reason: str
    strata: Mapping[str, str]
    record: Record


@dataclass(frozen=True, slots=True)
class SliceCase:
    """A labelled slice and the class that leads in it."""

    label: str
    patient: str
    source: str
    predicted: str


class ScanTables:
    """series.csv, studies.csv and slices.csv of a scan of one folder."""

    def __init__(self, folder: Path, data: Path, no_tumor: str) -> None:
        self.series, self.studies, self.slices = (
            _read(folder / f"{name}.csv") for name in ("series", "studies", "slices")
        )
        (self._root,) = label_roots([str(data)])
        self._p_no_tumor = f"p_{no_tumor}"
        self.no_tumor = no_tumor

    def source_of(self, label: VolumeLabel) -> str:
        """A label's path as the tables name it."""
        return f"{self._root}/{escape(label.path)}"

    def tumor(self, record: Record) -> float | None:
        """The probability of a tumour in a row of any table; None where nothing was classified."""
        text = record[self._p_no_tumor]
        return 1 - float(text) if text else None

    def joined_label(self, labels: Sequence[VolumeLabel]) -> str:
        """The class of what has several labels: its commonest tumour, else no tumour."""
        tumors = Counter(one.label for one in labels if one.label != self.no_tumor)
        return tumors.most_common(1)[0][0] if tumors else self.no_tumor


def series_cases(tables: ScanTables, labels: Sequence[VolumeLabel]) -> list[Case]:
    """One case per classified series that has a label; one per label without any.

    A series has the labels of the deepest path that holds it, or of files and slices in it.
    """
    cases: list[Case] = []
    told: set[str] = set()
    by_path = _by_path(tables, labels)
    for record in tables.series:
        own = _labels_of(record["source"], by_path)
        if own and record["status"] == "classified":
            cases.append(_case(tables, own, record))
            told |= {one.path for one in own}
    for path, own in _by_path(tables, labels).items():
        if not any(one.path in told for one in own):
            held = [r for r in tables.series if _holds(path, r["source"])]
            cases.append(_case(tables, own, held[0] if held else {}))
    return cases


def patient_cases(tables: ScanTables, series: Sequence[Case]) -> list[Case]:
    """One case per patient: the study most suspicious speaks, one called a tumour before others."""
    studies = {record["study_uid"]: record for record in tables.studies}
    by_patient: dict[str, list[Case]] = {}
    for case in series:
        by_patient.setdefault(case.patient, []).append(case)
    cases = []
    for patient, own in by_patient.items():
        label = tables.joined_label([VolumeLabel("", case.label) for case in own])
        uids = dict.fromkeys(c.record["study_uid"] for c in own if c.tumor is not None)
        found = [studies[uid] for uid in uids]
        speaks = max(found, key=lambda study: _suspicion(tables, study), default=None)
        verdict = speaks["verdict"] if speaks else ""
        tumor = tables.tumor(speaks) if speaks else None
        reason = "" if speaks else own[0].reason
        cases.append(Case(label, patient, own[0].source, verdict, tumor, reason, {}, speaks or {}))
    return cases


def slice_cases(tables: ScanTables, labels: Sequence[VolumeLabel]) -> list[SliceCase]:
    """The slices that have a label of their own: by file and place, or by the file alone."""
    sources = {record["source"] for record in tables.series}
    by_place: dict[tuple[str, int], VolumeLabel] = {}
    by_file: dict[str, VolumeLabel] = {}
    for label in labels:
        source = tables.source_of(label)
        if label.slice_index is not None:
            by_place[source, label.slice_index] = label
        elif source not in sources:
            # A file that no series consists of alone may be one of its slices.
            by_file[source] = label
    return list(_slices(tables, by_place, by_file))


def _slices(
    tables: ScanTables,
    by_place: Mapping[tuple[str, int], VolumeLabel],
    by_file: Mapping[str, VolumeLabel],
) -> Iterator[SliceCase]:
    series = {_key(record): record["source"] for record in tables.series}
    for record in tables.slices:
        source, index = record["source"], int(record["slice_index"])
        label = (
            by_place.get((source, index))
            or by_place.get((series[_key(record)], index))
            or by_file.get(source)
        )
        if label is not None:
            patient = _patient(label, record["study_uid"])
            yield SliceCase(label.label, patient, label.source, record["predicted"])


def _case(tables: ScanTables, own: Sequence[VolumeLabel], record: Record) -> Case:
    classified = record.get("status") == "classified"
    return Case(
        tables.joined_label(own),
        _patient(own[0], record.get("study_uid", own[0].path)),
        own[0].source,
        record["verdict"] if classified else "",
        tables.tumor(record) if classified else None,
        "" if classified else record.get("reason", _NOT_FOUND),
        {name: record.get(name) or "unknown" for name in STRATA},
        record or {"source": tables.source_of(own[0])},
    )


def _by_path(tables: ScanTables, labels: Sequence[VolumeLabel]) -> dict[str, list[VolumeLabel]]:
    found: dict[str, list[VolumeLabel]] = {}
    for label in labels:
        found.setdefault(tables.source_of(label), []).append(label)
    return found


def _labels_of(source: str, by_path: Mapping[str, list[VolumeLabel]]) -> list[VolumeLabel]:
    above = [path for path in by_path if _holds(path, source)]
    if above:
        return by_path[max(above, key=len)]
    return [label for path, own in by_path.items() if _holds(source, path) for label in own]


def _holds(path: str, source: str) -> bool:
    return source == path or source.startswith(f"{path}/")


def _patient(label: VolumeLabel, otherwise: str) -> str:
    return f"{label.source}\0{label.patient}" if label.patient else otherwise


def _suspicion(tables: ScanTables, study: Record) -> tuple[bool, float]:
    named_tumor = study["verdict"] not in ("", INDETERMINATE, tables.no_tumor)
    return named_tumor, tables.tumor(study) or 0.0


def _key(record: Record) -> tuple[str, str, str]:
    return record["study_uid"], record["series_uid"], record["series_part"]


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))
