"""The command `batchmri scan`: exit codes, one-line messages, no traceback."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.command import UNPRIVILEGED, assert_one_line, batchmri, batchmri_process
from tests.pipeline.builders import write_series


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_series(tmp_path / "archive")
    return tmp_path / "archive"


def test_a_missing_path_exits_with_2(tmp_path: Path) -> None:
    done = batchmri("scan", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert_one_line(done, 2, "nowhere", "no such file")
    assert not (tmp_path / "out").exists()


def test_an_unknown_setting_names_the_nearest(archive: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("verdict:\n  top_slice: 3\n")
    done = batchmri("scan", archive, "--dry-run", "--config", config)
    assert_one_line(done, 2, "verdict.top_slice", "did you mean verdict.top_slices?")


def test_the_environment_overrides_the_file_and_flags_override_both(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("verdict:\n  top_slices: 4\n  min_confidence: 0.7\n")
    shown = batchmri(
        "config", "show", "--config", config, env={"BATCHMRI_VERDICT__TOP_SLICES": "6"}
    ).stdout
    assert "top_slices: 6" in shown
    assert "min_confidence: 0.7" in shown


@pytest.mark.parametrize(
    ("model", "message"),
    [("none.safetensors", "no such file"), (".", "is a folder"), ("card.json", "is a model card")],
)
def test_a_missing_model_is_named_before_any_work(
    archive: Path, tmp_path: Path, model: str, message: str
) -> None:
    (tmp_path / "card.json").touch()
    done = batchmri("scan", archive, "--out", tmp_path / "out", "--model", tmp_path / model)
    assert_one_line(done, 2, "--model: model", message)
    assert not (tmp_path / "out").exists()


def test_flags_are_named_as_they_were_typed(archive: Path) -> None:
    done = batchmri("scan", archive, "--dry-run", "--settle", "tenm")
    assert_one_line(done, 2, "error: --settle: 'tenm' is not allowed", "10m")


def test_a_command_with_a_typing_error_names_the_nearest() -> None:
    assert_one_line(batchmri("scna"), 2, "No such command 'scna'. Did you mean 'scan'?")


def test_a_foreign_checkpoint_exits_with_2(archive: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"not a model")
    done = batchmri("scan", archive, "--out", tmp_path / "out", "--model", model)
    assert_one_line(done, 2, "model.safetensors", "model.json cannot be read")


def test_a_locked_output_exits_with_4_and_names_the_process(archive: Path, tmp_path: Path) -> None:
    from batchmri.pipeline.run.lock import hold

    out = tmp_path / "out"
    out.mkdir()
    with hold(out):
        assert_one_line(
            batchmri("scan", archive, "--out", out), 4, "in use by", f"pid {os.getpid()}"
        )


def test_paths_from_standard_input(archive: Path) -> None:
    done = batchmri("scan", "-", "--dry-run", stdin=f"{archive}\n")
    assert done.returncode == 0
    assert "6 files, 1 studies" in done.stdout


def test_excluded_files_are_not_walked(archive: Path) -> None:
    done = batchmri("scan", archive, "--dry-run", "--exclude", "*-00[0-2]")
    assert "3 files" in done.stdout


def test_a_dry_run_writes_its_tables_and_nothing_else(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert batchmri("scan", archive, "--dry-run", "--out", out).returncode == 0
    assert {path.name for path in out.iterdir()} == {
        "dry-run.csv",
        "dry-run-series.csv",
        "dry-run-series.jsonl",
    }
    assert "decision,classify,1,6" in (out / "dry-run.csv").read_text()


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv (util-linux)")
def test_an_unreadable_file_and_folder_are_named_and_the_rest_is_scanned(archive: Path) -> None:
    write_series(archive / "locked", series="locked")
    (archive / "series-000").chmod(0)
    (archive / "locked").chmod(0)
    # root can read everything unless it drops this capability
    before = UNPRIVILEGED if os.getuid() == 0 else ()
    done = batchmri_process("scan", archive, "--dry-run", before=before)
    (archive / "locked").chmod(0o700)
    assert done.returncode == 0
    assert re.search(r"io_error\W+2\b", done.stdout), done.stdout
    assert re.search(r"classify\W+1\b", done.stdout), done.stdout


def test_a_symlink_loop_ends(archive: Path) -> None:
    (archive / "loop").symlink_to(archive, target_is_directory=True)
    done = batchmri("scan", archive, "--dry-run")
    assert done.returncode == 0
    assert "classify" in done.stdout


def test_header_text_never_becomes_markup(tmp_path: Path) -> None:
    write_series(tmp_path / "archive", Manufacturer="[red]\x1b[31mACME[/red]")
    done = batchmri("scan", tmp_path / "archive", "--dry-run")
    assert "[red]" in done.stdout
    assert "\x1b[31m" not in done.stdout
