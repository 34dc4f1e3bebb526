"""Reports on runs: `batchmri status`, run.json, the metrics file."""

import json
import stat
from pathlib import Path

import pytest

from batchmri.errors import ArchiveError, StateError, UsageError
from batchmri.pipeline.commands.status import status
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed, write_series
from tests.pipeline.outputs import contents


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_series(tmp_path / "archive", "a", "one")
    (tmp_path / "archive" / "empty").touch()
    return tmp_path / "archive"


def test_status_contains_the_last_runs_totals_and_reasons(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        scan([archive], out=out, settings=settings)
    found = status(out)
    assert [run["exit_code"] for run in found.runs] == [0, 1]
    assert [run["series"] for run in found.runs] == [0, 1]
    assert found.series == {"classified": 1}
    assert found.file_reasons == {"empty_file": 1}
    with pytest.raises(UsageError, match="no results here"):
        status(tmp_path)


def test_runs_that_fail_are_recorded_with_their_exit_code(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    with monkeypatch.context() as patch:
        patch.setattr("batchmri.pipeline.scan.export", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            scan([archive], out=out, settings=settings)
    other = changed(settings, "report", identifiers=True)
    with pytest.raises(StateError):
        scan([archive], out=out, settings=other)
    archive.rename(tmp_path / "away")
    archive.mkdir()
    with pytest.raises(ArchiveError) as refused:
        scan([archive], out=out, settings=settings)
    assert status(out).notices == [str(refused.value)], "the morning after says why"
    allowed = ScanOptions(allow_shrink=True)
    assert scan([archive], out=out, settings=settings, options=allowed).exit_code == 0
    assert [run["exit_code"] for run in status(out).runs] == [0, 3, 2, 70, 1]


def test_the_metrics_file_contains_success_counts_and_waiting_series(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    target = tmp_path / "textfile" / "batchmri.prom"
    target.parent.mkdir()
    schedule = settings.schedule.model_copy(update={"metrics_file": target})
    scan(
        [archive], out=tmp_path / "out", settings=settings.model_copy(update={"schedule": schedule})
    )
    lines = target.read_text().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values["batchmri_exit_code"] == "1"
    assert values["batchmri_new_failures"] == "1"
    assert values["batchmri_series_waiting"] == "0"
    assert values['batchmri_series{status="classified",reason=""}'] == "1"
    assert float(values["batchmri_last_success_timestamp_seconds"]) > 1.7e9
    assert all(line.startswith(("# HELP", "# TYPE", "batchmri_")) for line in lines)


def test_run_json_contains_versions_settings_and_counts(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    scan([archive], out=tmp_path / "out", settings=settings)
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["counts"]["files"] == 7
    assert run["counts"]["files_in_series"] + run["counts"]["files_in_no_series"] == 7
    assert run["versions"]["torch"]
    assert run["model"]["precision"]
    assert run["settings"]["verdict"]["top_slices"] == 3


def test_tables_that_did_not_change_are_not_touched(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    before = {path: (out / path).stat().st_ino for path in contents(out)}
    scan([archive], out=out, settings=settings)
    assert {path: (out / path).stat().st_ino for path in before} == before


@pytest.mark.parametrize(("group", "mode"), [(False, 0o600), (True, 0o640)])
def test_outputs_are_readable_for_the_owner_or_also_the_group(
    archive: Path, tmp_path: Path, settings: Settings, group: bool, mode: int
) -> None:
    report = settings.report.model_copy(update={"group_readable": group})
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings.model_copy(update={"report": report}))
    assert stat.S_IMODE((out / "studies.csv").stat().st_mode) == mode
    assert stat.S_IMODE((out / "state.db").stat().st_mode) == 0o600
    for picture in out.glob("gradcam/**/*.png"):
        assert stat.S_IMODE(picture.stat().st_mode) == mode


@pytest.mark.parametrize(("slices", "rows"), [("all", 6), ("deciding", 3), ("none", 0)])
def test_the_setting_slices_selects_rows(
    archive: Path, tmp_path: Path, settings: Settings, slices: str, rows: int
) -> None:
    report = settings.report.model_copy(update={"slices": slices, "gradcam": "none"})
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings.model_copy(update={"report": report}))
    assert len((out / "slices.csv").read_text().splitlines()) == 1 + rows
