"""Parts of docs/nightly.md that run here as they are written, with other paths."""

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "nightly.md").read_text()


def block(words: str) -> str:
    """The code block of the page that contains `words`."""
    (found,) = [one for one in re.findall(r"```(?:sh)?\n(.*?)```", PAGE, re.DOTALL) if words in one]
    return found


@pytest.mark.skipif(
    not (shutil.which("rsync") and shutil.which("sqlite3")), reason="needs rsync and sqlite3"
)
def test_a_backup_copies_everything_every_night(tmp_path: Path) -> None:
    out, copy = tmp_path / "var/lib/batchmri/out", tmp_path / "backup/out"
    (out / "gradcam").mkdir(parents=True)
    for name in (".lock", ".studies.csv.tmp", "studies.csv", "gradcam/a.png"):
        (out / name).write_text("text")
    with sqlite3.connect(out / "state.db") as database:
        database.execute("CREATE TABLE meta (key TEXT)")
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    script = block("VACUUM INTO").replace("/var/lib/batchmri", f"{tmp_path}/var/lib/batchmri")
    script = script.replace("/backup/", f"{tmp_path}/backup/").replace("batchmri:", f"{user}:")
    script = script.replace("-o batchmri -g batchmri", "")
    for _ in range(2):
        subprocess.run(["sh", "-euc", script], check=True)
        found = sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
        assert found == ["gradcam/a.png", "state.db", "studies.csv"]
    assert (copy / "state.db").stat().st_mode & 0o077 == 0
    with sqlite3.connect(copy / "state.db") as database:
        assert database.execute("SELECT count(*) FROM meta").fetchone() == (0,)


@pytest.mark.skipif(not shutil.which("logrotate"), reason="needs logrotate")
def test_the_log_is_rotated(tmp_path: Path) -> None:
    text = block("rotate 8").replace("/var/log/batchmri", str(tmp_path))
    config = tmp_path / "logrotate"
    config.write_text(text.replace("su batchmri batchmri", "su root root"))
    config.chmod(0o644)
    (tmp_path / "scan.log").write_text("line\n")
    done = subprocess.run(
        ["logrotate", "-d", "--state", tmp_path / "state", config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "error" not in done.stderr and "Handling 1 logs" in done.stderr, done.stderr


@pytest.mark.parametrize(("code", "mailed"), [(0, ""), (1, ""), (5, ""), (3, "b\nc\nd\n")])
def test_cron_mails_the_end_of_the_log_after_a_failure(
    tmp_path: Path, code: int, mailed: str
) -> None:
    (line,) = [one for one in block("case $?").splitlines() if "case" in one]
    command = line.split("batchmri ", 1)[1].replace("/var/log/batchmri", str(tmp_path))
    scan = tmp_path / "scan"
    scan.write_text(f"#!/bin/sh\nprintf 'a\\nb\\nc\\nd\\n'; exit {code}\n")
    scan.chmod(0o755)
    command = command.replace("/opt/batchmri/bin/batchmri", str(scan))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == mailed and (tmp_path / "scan.log").read_text() == "a\nb\nc\nd\n"
