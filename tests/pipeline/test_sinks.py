"""A sink is an entry in SINKS; this one shows that no file of the package has to change."""

from pathlib import Path
from typing import Self

import pytest

from batchmri.outputs import sinks
from batchmri.outputs.rows import Row, StudyExport
from batchmri.outputs.sinks import SINKS, SinkContext
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import write_series


class VerdictList:
    """Writes one line per study: its verdict and its probability of a tumor."""

    def __init__(self, context: SinkContext) -> None:
        self._path = context.output / "verdicts.txt"
        self.files = [self._path]
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        return self

    def add_study(self, study: StudyExport) -> None:
        self._lines.append(f"{study.study['verdict']} {study.study['p_tumor']:.1f}")

    def add_file(self, row: Row) -> None:
        self._lines.append(str(row["reason"]))

    def add_change(self, row: Row) -> None:
        self._lines.append(str(row["change"]))

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._path.write_text("\n".join(self._lines))


def test_a_new_sink_receives_studies_changes_and_files(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SINKS, "verdicts", VerdictList)
    monkeypatch.setattr("batchmri.pipeline.export.chosen", lambda s: (*sinks.chosen(s), "verdicts"))
    write_series(tmp_path / "archive")
    (tmp_path / "archive" / "notes.txt").write_text("no image")
    scan([tmp_path / "archive"], out=tmp_path / "out", settings=settings)
    study, change, file = (tmp_path / "out" / "verdicts.txt").read_text().splitlines()
    assert study.split()[1].startswith(("0.", "1."))
    assert (change, file) == ("new", "not_an_image")
    assert (tmp_path / "out" / "studies.csv").is_file()
