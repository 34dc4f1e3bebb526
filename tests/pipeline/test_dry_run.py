"""The list of series of a dry run."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

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
