"""Data of the index page: one compact row per study in chunks of scripts, and the counts.

Over `file://`, browsers do not let a page read other files, but they run scripts. Each chunk is
therefore a script that calls a function with rows. Repeated strings are stored once in a list of
words, and rows contain their index.
"""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from batchmri.outputs.atomic_write import NewFile
from batchmri.outputs.paths import strip_paths, study_path
from batchmri.outputs.rows import StudyExport
from batchmri.outputs.sinks import SinkContext
from batchmri.reasons import Status

CHUNK = 2500
"""Studies per chunk."""
BINS = 25
"""Bars of the distributions."""
MAX_OOD = 2.5
"""The last bar of the out-of-distribution scores starts here."""
_MAX_WORDS = 5000
_OTHER = "(other)"


class Words:
    """Numbers strings in order of appearance; a very long list ends with "(other)"."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, word: str) -> int:
        """The number of a word."""
        if word not in self._numbers and len(self._numbers) >= _MAX_WORDS:
            word = _OTHER
        return self._numbers.setdefault(word, len(self._numbers))

    def numbers(self, words: Iterable[str]) -> list[int]:
        """The numbers of several words, ascending; empty words are omitted."""
        return sorted({self.number(word) for word in words if word})

    @property
    def all(self) -> list[str]:
        """The words in the order of their numbers."""
        return list(self._numbers)


class IndexData:
    """Writes the rows of the index page and counts what the overview shows.

    It keeps at most one chunk of rows in memory.
    """

    def __init__(self, context: SinkContext, folder: Path, files: ExitStack) -> None:
        self._context = context
        self._folder = folder
        self._files = files
        self._rows: list[list[Any]] = []
        self.words = Words()
        self.n_chunks = 0
        self.counts: dict[str, Counter[str]] = {
            name: Counter()
            for name in ("status", "verdict", "series_status", "series_reason", "file_reason")
        }
        self.p_tumor = [0] * BINS
        self.ood_score = [0] * (BINS + 1)
        self.n_slices = 0
        self.models: set[str] = set()

    def add(self, study: StudyExport) -> None:
        """Add a study."""
        self._count(study)
        self._rows.append(self._row(study))
        if len(self._rows) == CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are not in a chunk yet."""
        if not self._rows:
            return
        lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in self._rows)
        name = f"studies-{self.n_chunks:03d}.js"
        self._files.enter_context(NewFile(self._folder / name)).write(
            f"batchmri.rows([\n{lines}\n]);\n".encode()
        )
        self._rows.clear()
        self.n_chunks += 1

    def _count(self, study: StudyExport) -> None:
        self.counts["status"][str(study.study["status"])] += 1
        self.models.update(r.model_digest for r in study.results if r.model_digest)
        for result in study.results:
            self.counts["series_status"][str(result.status)] += 1
            self.n_slices += len(result.scores)
            if result.reason:
                self.counts["series_reason"][str(result.reason)] += 1
        if study.deciding is None:
            return
        verdict = study.verdicts[study.deciding]
        self.counts["verdict"][verdict.name] += 1
        tumor = self._context.classes.tumor_probability(verdict.probabilities)
        self.p_tumor[bin_of(tumor, 1.0)] += 1
        if verdict.ood_score is not None:
            self.ood_score[bin_of(verdict.ood_score, MAX_OOD)] += 1

    def _row(self, study: StudyExport) -> list[Any]:
        """The row of a study; `index.js` names the meaning of each position."""
        verdict = study.verdicts[study.deciding] if study.deciding else None
        row = study.study
        classified = [r for r in study.results if r.status is Status.CLASSIFIED]
        described = self._context.settings.report.descriptions
        number, numbers = self.words.number, self.words.numbers
        flags = row["flags"] if isinstance(row["flags"], tuple) else ()
        tumor, probabilities, ood = None, [], None
        if verdict is not None:
            tumor = round(self._context.classes.tumor_probability(verdict.probabilities), 4)
            if not verdict.reason.is_outside:
                probabilities = [round(value, 4) for value in verdict.probabilities]
            ood = None if verdict.ood_score is None else round(verdict.ood_score, 3)
        return [
            study_path(study.uid),
            row["source"],
            number(str(row["status"])),
            number(verdict.name) if verdict else None,
            number(str(verdict.reason)) if verdict else None,
            tumor,
            ood,
            probabilities,
            numbers(flags),
            numbers(str(r.reason) for r in study.results if r.reason),
            numbers(r.series.sequence for r in classified or study.results),
            numbers(r.series.header.manufacturer for r in study.results if described),
            len(study.results),
            sum(len(r.scores) for r in classified),
            self._thumbnail(study),
        ]

    def _thumbnail(self, study: StudyExport) -> str:
        """Name of the thumbnail in the folder of the study; empty if there is none."""
        if study.deciding is None:
            return ""
        deciding = next(r for r in study.results if r.series.key == study.deciding)
        path = strip_paths(study.deciding).thumbnail
        if not deciding.picture_class or not (self._context.output / path).is_file():
            return ""
        return path.rsplit("/", 1)[1].removesuffix("_thumb.jpg")


def bin_of(value: float, highest: float) -> int:
    """Number of the bar of a value; `BINS` if it exceeds `highest`."""
    if value > highest:
        return BINS
    return min(int(max(value, 0.0) / highest * BINS), BINS - 1)
