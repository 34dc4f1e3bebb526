"""The HTML report of a scan, and of a later `batchmri report`."""

import shutil
from pathlib import Path

import pytest

from batchmri.errors import UsageError
from batchmri.outputs.html.folder import page_path
from batchmri.pipeline.commands.reexport import write_report
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import uid, write_series
from tests.pipeline.outputs import contents


def report_files(output: Path) -> dict[str, bytes]:
    files = (path for path in (output / "report").rglob("*") if path.is_file())
    return {str(path.relative_to(output)): path.read_bytes() for path in files}


def without_html(settings: Settings) -> Settings:
    report = settings.report.model_copy(update={"html": False})
    return settings.model_copy(update={"report": report})


def test_a_scan_writes_the_report_and_names_its_path(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    write_series(tmp_path / "archive" / "a", "a", "one")
    out = tmp_path / "out"
    scan([tmp_path / "archive"], out=out, settings=settings)
    assert f"Report: {out / 'report' / 'index.html'}" in capsys.readouterr().out.replace("\n", "")
    page = page_path(out, uid("a")).read_text()
    assert "_slices.jpg" in page and "How the verdict was made" in page
    before = report_files(out)
    shutil.rmtree(out / "report")
    assert write_report(out) == out / "report" / "index.html"
    assert report_files(out) == before


def test_without_the_report_nothing_is_written_for_it_and_a_later_scan_catches_up(
    tmp_path: Path, settings: Settings
) -> None:
    write_series(tmp_path / "archive" / "a", "a", "one")
    out, expected = tmp_path / "out", tmp_path / "expected"
    scan([tmp_path / "archive"], out=out, settings=without_html(settings))
    assert not (out / "report").exists() and not list(out.rglob("*.jpg"))
    write_report(out)
    assert "slider" not in page_path(out, uid("a")).read_text()
    scan([tmp_path / "archive"], out=out, settings=settings)
    scan([tmp_path / "archive"], out=expected, settings=settings)
    assert contents(out) == contents(expected)


def test_the_page_of_a_gone_study_is_removed(tmp_path: Path, settings: Settings) -> None:
    for study in "ab":
        write_series(tmp_path / "archive" / study, study, "one")
    out = tmp_path / "out"
    scan([tmp_path / "archive"], out=out, settings=settings)
    assert page_path(out, uid("b")).is_file()
    shutil.rmtree(tmp_path / "archive" / "b")
    options = ScanOptions(allow_shrink=True)
    scan([tmp_path / "archive"], out=out, settings=settings, options=options)
    pages = [path.stem for path in (out / "report" / "studies").rglob("*.html")]
    assert pages == [uid("a")]


def test_a_report_needs_results(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no results here"):
        write_report(tmp_path)
