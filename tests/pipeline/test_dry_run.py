"""The list of series of a dry run."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from batchmri.errors import ArchiveError
from batchmri.pipeline.commands.dry_run import dry_run
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import write_series
from tests.pipeline.outputs import table


def test_a_dry_run_lists_every_series_and_knows_what_is_done(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive / "a", study="a")
    write_series(archive / "c", study="c", n=2)
    scan([archive], out=out, settings=settings)
    with closing(sqlite3.connect(out / "state.db")) as connection, connection:
        connection.execute("UPDATE runs SET record = json_set(record, '$.slices_per_second', 0.05)")
    write_series(archive / "b", study="b")
    before = (out / "state.db").read_bytes()
    capsys.readouterr()

    found = dry_run([archive], out=out, settings=settings)
    assert (out / "state.db").read_bytes() == before
    rows = {row["source"]: row for row in table(out, "dry-run-series")}
    assert {source: row["decision"] for source, row in rows.items()} == {
        "archive/a": "done",
        "archive/b": "classify",
        "archive/c": "skip",
    }
    assert (rows["archive/c"]["reason"], rows["archive/b"]["n_slices"]) == ("too_few_slices", "6")
    lines = [json.loads(x) for x in (out / "dry-run-series.jsonl").read_text().splitlines()]
    assert [
        {name: "" if value is None else str(value) for name, value in line.items()}
        for line in lines
    ] == table(out, "dry-run-series")
    assert (found.wanted_series, found.wanted_slices) == (1, 6)
    text = capsys.readouterr().out
    assert "roughly 2 minutes at the 0.05 slices/s of the last run" in text


def test_without_an_earlier_run_the_time_is_a_general_estimate(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    write_series(tmp_path / "archive")
    dry_run([tmp_path / "archive"], settings=settings)
    assert "a minute or less on 1 cores" in capsys.readouterr().out


def test_a_dry_run_predicts_that_a_scan_stops(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, other, out = (tmp_path / name for name in ("archive", "other", "out"))
    for study in ("a", "b", "c", "d"):
        write_series(archive / study, study, n=2)
    write_series(other, "e", n=2)
    scan([archive], out=out, settings=settings)
    for study in ("a", "b", "c"):
        shutil.rmtree(archive / study)
    for path, n_gone in ((archive, 6), (other, 8)):
        with pytest.raises(ArchiveError, match=f"^{n_gone} of 8 known files have disappeared"):
            scan([path], out=out, settings=settings)
        capsys.readouterr()
        found = dry_run([path], out=out, settings=settings)
        assert (found.studies, found.files) == (1, 2)
        assert (
            f"a scan would stop: {n_gone} of 8 known files have disappeared; --allow-shrink "
            "accepts this\n" in capsys.readouterr().err
        )
    dry_run([archive], out=out, settings=settings, allow_shrink=True)
    assert "would stop" not in capsys.readouterr().err


def test_a_dry_run_of_an_emptied_archive_is_only_a_warning(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive / "a", n=2)
    scan([archive], out=out, settings=settings)
    shutil.rmtree(archive / "a")
    dry_run([archive], out=out, settings=settings)
    assert (
        f"a scan would stop: {archive}: 2 files were known here, and none exists now (not "
        "mounted?); --allow-shrink accepts this\n" in capsys.readouterr().err
    )
