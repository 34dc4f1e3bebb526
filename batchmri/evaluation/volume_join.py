"""Join the tables of a scan with the labels of volumes."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchmri.archive.root_labels import label_roots
from batchmri.evaluation.volume_labels import VolumeLabel
from batchmri.identifiers import escape
from batchmri.records import INDETERMINATE

Record = Mapping[str, str]
STRATA = ("plane", "sequence", "manufacturer")
_NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Case:
    """A series or a patient with its label and the result of the scan.

    `verdict` is a class, indeterminate, or "" if nothing was classified; `reason` then contains the
    reason code. `tumor` is the probability of a tumor, None if nothing was classified. `strata`
    contains plane, sequence and manufacturer of a series. `record` is the row of series.csv, or of
    studies.csv for a patient.
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
    """A labeled slice and its most probable class."""

    label: str
    patient: str
    source: str
    predicted: str


class ScanTables:
    """The tables series.csv, studies.csv and slices.csv of a scan of one folder."""

    def __init__(self, folder: Path, data: Path, no_tumor: str) -> None:
        self.series, self.studies, self.slices = (
            _read(folder / f"{name}.csv") for name in ("series", "studies", "slices")
        )
        (self._root,) = label_roots([str(data)])
        self._p_no_tumor = f"p_{no_tumor}"
        self.no_tumor = no_tumor

    def source_of(self, label: VolumeLabel) -> str:
        """Return the path of a label in the form of the column `source`."""
        return f"{self._root}/{escape(label.path)}"

    def tumor(self, record: Record) -> float | None:
        """Return the probability of a tumor in a table row; None if nothing was classified."""
        text = record[self._p_no_tumor]
        return 1 - float(text) if text else None

    def joined_label(self, labels: Sequence[VolumeLabel]) -> str:
        """Return the most frequent tumor class among the labels, or no tumor if there is none."""
        tumors = Counter(one.label for one in labels if one.label != self.no_tumor)
        return tumors.most_common(1)[0][0] if tumors else self.no_tumor


def series_cases(tables: ScanTables, labels: Sequence[VolumeLabel]) -> list[Case]:
    """Return one case per labeled classified series, and one per label without such a series.

    A series has the label of the deepest labeled path that contains it, or else the labels of its
    files and slices.
    """
    cases: list[Case] = []
    used_paths: set[str] = set()
    by_path = _by_path(tables, labels)
    for record in tables.series:
        own = _labels_of(record["source"], by_path)
        if own and record["status"] == "classified":
            cases.append(_case(tables, own, record))
            used_paths |= {one.path for one in own}
    for path, own in _by_path(tables, labels).items():
        if not any(one.path in used_paths for one in own):
            contained = [r for r in tables.series if _contains(path, r["source"])]
            cases.append(_case(tables, own, contained[0] if contained else {}))
    return cases


def patient_cases(tables: ScanTables, series: Sequence[Case]) -> list[Case]:
    """Return one case per patient, with the result of the most suspicious study.

    Studies with a tumor verdict take precedence; then the probability of a tumor decides.
    """
    studies = {record["study_uid"]: record for record in tables.studies}
    by_patient: dict[str, list[Case]] = {}
    for case in series:
        by_patient.setdefault(case.patient, []).append(case)
    cases = []
    for patient, own in by_patient.items():
        label = tables.joined_label([VolumeLabel("", case.label) for case in own])
        uids = dict.fromkeys(c.record["study_uid"] for c in own if c.tumor is not None)
        found = [studies[uid] for uid in uids]
        most_suspicious = max(found, key=lambda study: _suspicion(tables, study), default=None)
        verdict = most_suspicious["verdict"] if most_suspicious else ""
        tumor = tables.tumor(most_suspicious) if most_suspicious else None
        reason = "" if most_suspicious else own[0].reason
        cases.append(
            Case(label, patient, own[0].source, verdict, tumor, reason, {}, most_suspicious or {})
        )
    return cases


def slice_cases(tables: ScanTables, labels: Sequence[VolumeLabel]) -> list[SliceCase]:
    """Return the slices that are labeled individually, by file and slice index or by file."""
    sources = {record["source"] for record in tables.series}
    by_place: dict[tuple[str, int], VolumeLabel] = {}
    by_file: dict[str, VolumeLabel] = {}
    for label in labels:
        source = tables.source_of(label)
        if label.slice_index is not None:
            by_place[source, label.slice_index] = label
        elif source not in sources:
            # A file that is not a whole series may be a slice of one.
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
    containing = [path for path in by_path if _contains(path, source)]
    if containing:
        return by_path[max(containing, key=len)]
    return [label for path, own in by_path.items() if _contains(source, path) for label in own]


def _contains(path: str, source: str) -> bool:
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
