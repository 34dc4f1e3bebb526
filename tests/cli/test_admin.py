"""The commands on a finished output: export, explain, compare."""

import json
import logging
from pathlib import Path

import click
import pytest

from batchmri.cli import cli
from batchmri.outputs.logs import LOGGER
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


def _commands(group: click.Group, name: str = "") -> dict[str, click.Command]:
    context, found = click.Context(group), {}
    for one in group.list_commands(context):
        command = group.get_command(context, one)
        assert command is not None
        if isinstance(command, click.Group):
            found |= _commands(command, f"{name}{one} ")
        else:
            found[name + one] = command
    return found


def test_every_command_that_does_more_than_print_can_be_quiet() -> None:
    flags = {
        name: {flag for parameter in command.params for flag in parameter.opts}
        for name, command in _commands(cli).items()
    }
    printing = {"compare", "config show", "explain", "model show", "model verify", "status"}
    assert {name for name, given in flags.items() if "-q" not in given} == printing
    assert {name for name, given in flags.items() if "-v" in given} == {"scan"}


def test_quiet_commands_print_nothing(out: Path) -> None:
    commands = (
        ("export", out, "--format", "jsonl"),
        ("report", out),
        ("reclassify", out),
        ("merge", out, "--out", out.parent / "merged"),
        ("rescan", out, "archive"),
        ("forget", out, "archive"),
    )
    level = LOGGER.level
    try:
        for arguments in commands:
            LOGGER.setLevel(logging.INFO)
            done = batchmri(*arguments, "-q")
            assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), arguments
    finally:
        LOGGER.setLevel(level)


def test_a_file_is_explained_by_its_path_from_any_folder(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next((out.parent / "archive").iterdir())
    by_path = batchmri("explain", out, path)
    assert by_path.stdout.splitlines()[:2] == [f"file archive/{path.name}", f"  path: {path}"]
    assert batchmri("explain", out, f"archive/{path.name}").stdout == by_path.stdout
    monkeypatch.chdir(path.parent)
    assert batchmri("explain", out, path.name).stdout == by_path.stdout


def test_studies_in_only_one_output_are_listed_separately(tmp_path: Path) -> None:
    tables = {
        "one": "a,x/a,glioma,0.9\nb,x/b,notumor,0.1\nc,x/c,glioma,0.8\n",
        "two": "a,x/a,tumor,0.9\nb,x/b,notumor,0.1\nd,x/d,,\n",
    }
    for name, rows in tables.items():
        (tmp_path / name).mkdir()
        text = "study_uid,source,verdict,p_tumor\n" + rows
        (tmp_path / name / "studies.csv").write_text(text)
    done = batchmri("compare", tmp_path / "one", tmp_path / "two", "--log-format", "json")
    different, first, second, summary = map(json.loads, done.stdout.splitlines())
    assert (different["source"], different["verdict_1"], different["verdict_2"]) == (
        "x/a", "glioma", "tumor",
    )  # fmt: skip
    assert first["table"] == "Studies only in the first output" and first["source"] == "x/c"
    assert second["table"] == "Studies only in the second output" and second["source"] == "x/d"
    assert summary["text"] == (
        "Studies with different verdicts: 1; with the same: 1; only in the first output: 1; "
        "only in the second: 1."
    )
