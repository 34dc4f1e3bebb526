"""Commands on something that is not a usable output end with one line and exit code 2."""

import sqlite3
from pathlib import Path

import pytest

from batchmri.state.store import Store
from tests.cli.command import assert_one_line, batchmri

COMMANDS: dict[str, tuple[str, ...]] = {
    "status": (),
    "report": (),
    "export": (),
    "dicom": (),
    "reclassify": (),
    "explain": ("1.2.3",),
    "rescan": ("1.2.3",),
    "forget": ("1.2.3",),
    "merge": ("--out", "merged"),
}


def _missing(_: Path) -> None:
    pass


def _empty(out: Path) -> None:
    out.mkdir()


def _file(out: Path) -> None:
    out.write_text("text")


def _newer(out: Path) -> None:
    out.mkdir()
    with Store(out / "state.db"):
        pass
    with sqlite3.connect(out / "state.db") as database:
        database.execute("PRAGMA user_version = 99")


def _foreign(out: Path) -> None:
    out.mkdir()
    with sqlite3.connect(out / "state.db") as database:
        database.execute("CREATE TABLE other (key TEXT)")


def _damaged(out: Path) -> None:
    out.mkdir()
    (out / "state.db").write_bytes(bytes(range(256)) * 40)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_missing, "run batchmri scan first"),
        (_empty, "run batchmri scan first"),
        (_file, "run batchmri scan first"),
        (_newer, "update batchmri, or choose a new --out"),
        (_foreign, "a database of another program; choose a new --out"),
        (_damaged, "restore it from a backup, or choose a new --out"),
    ],
)
def test_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, make, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "öut 出"
    make(out)
    before = sorted(tmp_path.rglob("*.csv"))
    done = batchmri(command, out, *COMMANDS[command])
    assert_one_line(done, 2, says)
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*.csv")) == before and not (tmp_path / "merged").exists()
