"""Counts of the rows that an export wrote, for the summary, run.json and metrics."""

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Self

from batchmri.outputs.rows import StudyExport
from batchmri.reasons import VerdictReason
from batchmri.records import Verdict

_MAX_SUSPICIOUS = 10
Suspicious = tuple[str, float, str, str]
"""Verdict, p_tumor, UID and source of a study."""


@dataclass(slots=True)
class Totals:
    """Counts of the rows in the tables, collected while they are written."""

    studies: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    series: Counter[str] = field(default_factory=Counter)
    series_reasons: Counter[str] = field(default_factory=Counter)
    file_reasons: Counter[str] = field(default_factory=Counter)
    suspicious: list[Suspicious] = field(default_factory=list)
    files_in_series: int = 0
    files_alone: int = 0
    slices: int = 0
    first: bool = True  # whether no earlier run wrote tables

    def to_json(self) -> str:
        """The counts that remain valid while nothing changes."""
        counts = {each.name: getattr(self, each.name) for each in fields(self)}
        return json.dumps({**counts, "changes": {}, "first": False})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Counts of an earlier export."""
        found: dict[str, Any] = json.loads(text)
        for name, value in found.items():
            found[name] = Counter(value) if isinstance(value, dict) else value
        return cls(**found)

    def add(self, study: StudyExport) -> None:
        """Count a study."""
        self.studies[str(study.study["status"])] += 1
        if study.deciding is not None:
            self.verdicts[study.verdicts[study.deciding].name] += 1
            self._note_suspicious(study, study.verdicts[study.deciding])
        if study.change:
            self.changes[study.change] += 1
        for result in study.results:
            self.series[result.status] += 1
            self.files_in_series += result.series.n_files
            self.slices += len(result.scores)
            if result.reason:
                self.series_reasons[result.reason] += 1

    def _note_suspicious(self, study: StudyExport, verdict: Verdict) -> None:
        """Keep the studies with the highest p_tumor among those that are not called tumor-free."""
        if verdict.reason is VerdictReason.NO_TUMOR or verdict.reason.is_outside:
            return
        p_tumor = study.study["p_tumor"]
        assert isinstance(p_tumor, float)
        source = str(study.study["source"])
        self.suspicious.append((verdict.name, round(p_tumor, 4), study.uid, source))
        self.suspicious.sort(key=lambda one: (-one[1], one[2]))
        del self.suspicious[_MAX_SUSPICIOUS:]
