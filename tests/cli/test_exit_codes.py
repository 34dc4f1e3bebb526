"""Exit codes and one-line messages of errors, crashes and interrupts."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from batchmri.cli.outcome import exit_code_of
from batchmri.errors import ArchiveError, InterruptedRunError, OutputBusyError, SettingsError
from tests.cli.command import UNPRIVILEGED, assert_one_line, batchmri
from tests.pipeline.builders import write_series


def raising(error: BaseException, *arguments: str) -> int:
    def run() -> int:
        raise error

    return exit_code_of(run, arguments)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InterruptedRunError(signal.SIGINT), 130),
        (InterruptedRunError(signal.SIGTERM), 143),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (OutputBusyError("held"), 4),
        (SettingsError("wrong"), 2),
        (click.FileError("x.yaml"), 2),
        (ArchiveError("gone"), 3),
        (OSError(errno.ENOSPC, "No space left on device"), 2),
        (OSError(errno.EIO, "Input/output error"), 2),
        (OSError(errno.EROFS, "Read-only file system", "/out/studies.csv"), 2),
        (PermissionError(errno.EACCES, "Permission denied", "/out/studies.csv"), 2),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", b"/out/gradcam/x"), 2),
        (ModuleNotFoundError("no", name="matplotlib.pyplot"), 2),
        (ModuleNotFoundError("no", name="numpy"), 70),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), 70),
        (RecursionError("too deep"), 70),
        (ValueError("DOE^JANE"), 70),
    ],
)
def test_every_error_is_one_line_and_its_code(
    error: BaseException,
    code: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert raising(error) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and "Traceback" not in lines[0] and "DOE" not in lines[0], lines
    reports = list(tmp_path.glob("batchmri-error-*.txt"))
    assert len(reports) == (code == 70)
    if code == 70:
        assert str(reports[0]) in lines[0]
        assert "Traceback" in reports[0].read_text()
        assert reports[0].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "arguments", [["scan", "A", "--out", "{}"], ["scan", "--out={}", "A"], ["verdict", "{}"]]
)
def test_the_traceback_is_in_the_output_if_there_is_one(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(ZeroDivisionError(), *(a.format(tmp_path) for a in arguments)) == 70
    (report,) = tmp_path.glob("batchmri-error-*.txt")
    assert str(report) in capsys.readouterr().err


@pytest.mark.parametrize(("code", "status"), [(0, 0), (None, 0), (5, 5), ("text", 1)])
def test_an_exit_keeps_its_code(code: object, status: int) -> None:
    assert raising(SystemExit(code)) == status


IMPORTS = """
import os, signal, sys
module, number = sys.argv[1], int(sys.argv[2])
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Finder())
import batchmri.__main__
sys.argv[1:] = ["scan", "nowhere", "--out", "nowhere"]
batchmri.__main__.main()
"""


@pytest.mark.parametrize("module", ["batchmri.cli", "click", "batchmri.pipeline.scan"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_modules_are_imported(module: str, number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, module, str(int(number))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (128 + number, "batchmri: interrupted\n")


UNREADABLE = """
import json, sys
from tests.cli.command import batchmri
found = [batchmri(*arguments) for arguments in json.loads(sys.argv[1])]
print(json.dumps([[done.returncode, done.stderr] for done in found]))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to make files of another user")
def test_an_output_of_another_user(tmp_path: Path) -> None:
    def other(path: Path, mode: int, *, owned: bool = True) -> None:
        path.touch()
        path.chmod(mode)
        if owned:
            os.chown(path, 65534, 65534)

    write_series(tmp_path / "archive", n=1)
    outs = [tmp_path / name for name in ("locked", "unreadable", "readonly")]
    for out, lock_owned, mode in zip(
        outs, (True, False, False), (0o600, 0o600, 0o644), strict=True
    ):
        out.mkdir()
        other(out / "state.db", mode)
        other(out / ".lock", 0o600, owned=lock_owned)
        other(out, 0o755)
    commands = [["scan", str(tmp_path / "archive"), "--out", str(out)] for out in outs]
    commands.append(["status", str(outs[0])])
    # One process for all commands: each would import the libraries again.
    done = subprocess.run(
        [*UNPRIVILEGED, sys.executable, "-c", UNREADABLE, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = (
        ("locked", "Permission denied"),
        ("state.db", "unable to open"),
        ("state.db", "readonly"),
        ("state.db", "unable to open"),
    )
    for (code, stderr), words in zip(json.loads(done.stdout), expected, strict=True):
        assert_one_line(subprocess.CompletedProcess([], code, "", stderr), 2, *words)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount")
def test_an_output_on_a_read_only_file_system(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_series(tmp_path / "archive", n=1)
    out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(out)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        scanned = batchmri("scan", tmp_path / "archive", "--out", out)
        surveyed = batchmri("scan", tmp_path / "archive", "--out", out, "--dry-run")
    finally:
        subprocess.run(["umount", out], check=True)
    assert_one_line(scanned, 2, "out", "Read-only file system")
    assert_one_line(surveyed, 2, "dry-run-series.csv", "Read-only file system")
