"""The Prometheus text file, written at the end of every run, even if the run failed."""

import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from batchmri.errors import ArchiveError, BatchmriError, OutputBusyError, UsageError
from batchmri.outputs.metrics import prometheus, read_metric
from batchmri.pipeline.run.lock import hold
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed, write_series


def test_seconds_since_1970_keep_all_digits() -> None:
    text = prometheus({"t_seconds": ("A time.", 1795880924.0884)}, {}).decode()
    assert text.splitlines()[-1] == "batchmri_t_seconds 1795880924.088"
    assert "batchmri_n 5\n" in prometheus({"n": ("A count.", 5)}, {}).decode()


def test_the_official_parser_reads_the_file() -> None:
    text = prometheus(
        {"duration_seconds": ("Length of the run.", 12.5)},
        {"series": ("Series.", {("skipped", "localizer"): 3, ("classified", ""): 2})},
    ).decode()
    duration, series = text_string_to_metric_families(text)
    assert (duration.name, duration.documentation) == (
        "batchmri_duration_seconds",
        "Length of the run.",
    )
    assert duration.samples[0].value == 12.5
    assert {(s.labels["status"], s.labels["reason"]): s.value for s in series.samples} == {
        ("skipped", "localizer"): 3,
        ("classified", ""): 2,
    }
    assert {duration.type, series.type} == {"gauge"}


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    (tmp_path / "textfile").mkdir()
    return tmp_path / "textfile" / "batchmri.prom"


def test_every_run_leaves_its_metrics(
    tmp_path: Path, settings: Settings, metrics: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive)
    settings = changed(settings, "schedule", metrics_file=metrics)

    def ended_with(error: type[BaseException], path: Path = archive) -> float | None:
        with pytest.raises(error):
            scan([path], out=out, settings=settings)
        return read_metric(metrics, "exit_code")

    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert metrics.stat().st_mode & 0o777 == 0o644
    success = read_metric(metrics, "last_success_timestamp_seconds")
    assert success is not None and abs(time.time() - success) < 600
    assert read_metric(metrics, "series_waiting") == 0

    assert ended_with(UsageError, tmp_path / "none") == 2
    with hold(out):
        before = metrics.read_bytes()
        assert ended_with(OutputBusyError) == 2
        assert metrics.read_bytes() == before, "they belong to the scan that has locked the output"
    with monkeypatch.context() as patch:
        patch.setattr("batchmri.pipeline.scan.Planner", None)
        assert ended_with(TypeError) == 70
    archive.rename(tmp_path / "away")
    archive.mkdir()
    assert ended_with(ArchiveError) == 3
    again = read_metric(metrics, "last_success_timestamp_seconds")
    assert again is not None and abs(again - success) < 3
    assert [path.name for path in metrics.parent.iterdir()] == [metrics.name]


def test_a_folder_that_does_not_exist_is_not_made(
    tmp_path: Path, settings: Settings, metrics: Path
) -> None:
    write_series(tmp_path / "archive")
    for wrong in (tmp_path / "nowhere" / "batchmri.prom", metrics.parent):
        wrong_settings = changed(settings, "schedule", metrics_file=wrong)
        with pytest.raises(BatchmriError, match=r"--metrics-file .*: (the folder|is a folder)"):
            scan([tmp_path / "archive"], out=tmp_path / "out", settings=wrong_settings)
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "out").exists()
    assert not list(metrics.parent.iterdir())
