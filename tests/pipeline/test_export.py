"""Tests of when tables are rewritten, and of a state of version 0.1."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from batchmri.outputs.rows import StudyExport
from batchmri.outputs.tables.csv import CsvTables
from batchmri.pipeline import export as exports
from batchmri.pipeline.commands.reclassify import reclassify
from batchmri.pipeline.run.loaded_model import Model
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed, instance, save, write_series
from tests.pipeline.outputs import contents, table
from tests.state.test_migrations import state_of_0_1


def old_tables(out: Path) -> dict[str, int]:
    """Set the times of all tables to a known value."""
    tables = [*out.glob("*.csv"), out / "datapackage.json"]
    for path in tables:
        os.utime(path, ns=(10**18, 10**18 + 5))
    return {path.name: path.stat().st_ino for path in tables}


@pytest.fixture
def no_export(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The studies that are exported from now on."""
    exported: list[str] = []
    add = CsvTables.add_study
    monkeypatch.setattr(
        CsvTables, "add_study", lambda self, study: (exported.append(study.uid), add(self, study))
    )
    yield exported


def test_tables_are_written_only_if_something_has_changed(
    tmp_path: Path, settings: Settings, no_export: list[str]
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive / "a", study="a")
    first = scan([archive], out=out, settings=settings).totals
    expected, times = contents(out), {p: p.stat().st_mtime_ns for p in out.glob("*.csv")}
    assert len(no_export) == 1

    again = scan([archive], out=out, settings=settings).totals
    assert len(no_export) == 1
    assert {p: p.stat().st_mtime_ns for p in out.glob("*.csv")} == times
    assert (again.series, again.slices, again.changes) == (first.series, first.slices, {})
    assert (first.changes, first.first, again.first) == ({"new": 1}, True, False)
    counts = json.loads((out / "run.json").read_text())["counts"]
    assert (counts["studies"], counts["changes"]) == ({"classified": 1}, {})

    (out / "series.csv").unlink()
    scan([archive], out=out, settings=settings)
    assert len(no_export) == 2
    assert contents(out) == expected
    (out / "studies.csv").write_text("edited")
    scan([archive], out=out, settings=settings)
    assert contents(out) == expected
    next(out.glob("gradcam/*/*/montage.png")).unlink()
    scan([archive], out=out, settings=settings)
    assert contents(out) == expected

    done = len(no_export)
    scan([archive], out=out, settings=changed(settings, "report", slices="none"))
    assert len(no_export) == done + 1
    assert table(out, "slices") == []
    (archive / "note.txt").write_text("no image")
    scan([archive], out=out, settings=changed(settings, "report", slices="none", html=False))
    assert table(out, "files")[0]["source"] == "archive/note.txt"
    shutil.rmtree(out / "report")
    reclassify(out)
    assert table(out, "slices") == [] and not (out / "report").exists()
    reclassify(out, settings=changed(settings, "report", slices="all", html=True))
    assert len(table(out, "slices")) == 6 and (out / "report").exists()


def test_the_state_is_not_locked_while_tables_are_written(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive)
    add = CsvTables.add_study

    def add_while_another_writes(self: CsvTables, study: StudyExport) -> None:
        with closing(sqlite3.connect(out / "state.db", timeout=0.1)) as other, other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT OR REPLACE INTO meta VALUES ('other', 'written')")
        add(self, study)

    monkeypatch.setattr(CsvTables, "add_study", add_while_another_writes)
    assert scan([archive], out=out, settings=settings).exit_code == 0
    with closing(sqlite3.connect(out / "state.db")) as other:
        assert other.execute("SELECT value FROM meta WHERE key = 'other'").fetchone()


def test_an_archive_of_version_0_1_is_not_classified_again(
    tmp_path: Path, settings: Settings
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    settings = changed(settings, "report", gradcam="none", html=False)
    write_series(archive / "one", study="one", n=5)
    for i in range(10):
        across = (
            {}
            if i < 5
            else {
                "ImageOrientationPatient": [0, 1, 0, 0, 0, 1],
                "ImagePositionPatient": [5.0 * i, -32.0, -32.0],
            }
        )
        save(instance("two", "split", i, **across), archive / "two" / f"{'ab'[i > 4]}{i}")
    write_series(archive / "three", study="three", series="loc", n=2)
    (archive / "notes.txt").write_text("no image")
    out.mkdir()
    state_of_0_1(out / "state.db")
    provenance = Model.describe(settings.classifier).provenance | {"identifiers": "false"}
    with closing(sqlite3.connect(out / "state.db")) as connection, connection:
        for path in archive.glob("**/*"):
            stat = path.stat()
            connection.execute(
                "UPDATE files SET size = ?, mtime_ns = ? WHERE source = ?",
                (stat.st_size, stat.st_mtime_ns, str(path.relative_to(tmp_path))),
            )
        connection.execute(
            "UPDATE meta SET value = ? WHERE key = 'made_with'", (json.dumps(provenance),)
        )
    assert scan([archive], out=out, settings=settings).totals.changes == {}
    assert json.loads((out / "run.json").read_text())["slices_classified_now"] == 0
    (row,) = [r for r in table(out, "series") if r["status"] == "classified"]
    assert (row["source"], row["ood_score"]) == ("archive/one", "1.518")

    os.utime(archive / "one" / "series-000", ns=(1, 1))
    scan([archive], out=out, settings=settings, options=ScanOptions())
    assert json.loads((out / "run.json").read_text())["slices_classified_now"] == 5


def test_changes_of_two_runs_in_one_second_are_both_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports.time, "strftime", lambda *_: "2026-01-01T000000Z")
    for content in ("one", "two", "three"):
        (tmp_path / "changes.csv").write_text(content)
        exports._keep_changes(tmp_path)
    kept = {path.name: path.read_text() for path in (tmp_path / "changes").iterdir()}
    assert kept == {
        "2026-01-01T000000Z.csv": "one",
        "2026-01-01T000000Z-2.csv": "two",
        "2026-01-01T000000Z-3.csv": "three",
    }
