"""The commands on a finished output: export, explain."""

from pathlib import Path

import pytest

from tests.cli.command import assert_one_line, batchmri
from tests.pipeline.builders import write_series


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output of a series that is skipped, scanned by a relative path."""
    write_series(tmp_path / "archive", n=3, SeriesDescription="localizer")
    monkeypatch.chdir(tmp_path)
    done = batchmri("scan", "archive", "--out", "out", "--format", "jsonl", "--no-report")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "studies.jsonl").is_file()
    assert not (tmp_path / "out" / "studies.parquet").exists()
    return tmp_path / "out"


def test_formats_are_separated_by_commas(out: Path) -> None:
    done = batchmri("export", out, "--format", "parquet,jsonl")
    assert done.stdout == f"Wrote the tables as csv, parquet, jsonl into {out}\n"
    assert (out / "studies.parquet").is_file()
    done = batchmri("export", out, "--format", "jsonl,parquett")
    assert_one_line(done, 2, "--format: unknown format 'parquett'", "did you mean 'parquet'?")


def test_a_file_is_explained_by_its_path_from_any_folder(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next((out.parent / "archive").iterdir())
    by_path = batchmri("explain", out, path)
    assert by_path.stdout.splitlines()[:2] == [f"file archive/{path.name}", f"  path: {path}"]
    assert batchmri("explain", out, f"archive/{path.name}").stdout == by_path.stdout
    monkeypatch.chdir(path.parent)
    assert batchmri("explain", out, path.name).stdout == by_path.stdout
