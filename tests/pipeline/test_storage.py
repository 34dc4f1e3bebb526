"""Storage that fails or changes under a scan: one clear line, earlier results intact."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchmri.errors import OutputError
from batchmri.pipeline import scan
from batchmri.settings import Settings
from tests.cli.test_scan import UNPRIVILEGED, assert_one_line, batchmri
from tests.pipeline import planted
from tests.pipeline.builders import instance, save, write_series
from tests.pipeline.outputs import assert_every_file_accounted_for, contents, table


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_series(tmp_path / "archive" / "a", "a", "one")
    return tmp_path / "archive"


@pytest.fixture
def read_only(archive: Path) -> Iterator[Path]:
    """The archive behind a read-only mount, or without write permission where none is allowed."""
    done = subprocess.run(
        ["mount", "--bind", "-o", "ro", archive, archive], capture_output=True, check=False
    )
    if done.returncode == 0:
        yield archive
        subprocess.run(["umount", archive], check=True)
        return
    folders = [archive, *(p for p in archive.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    yield archive
    for folder in folders:
        folder.chmod(0o700)


def test_scanned_folders_are_never_written_to(
    read_only: Path, tmp_path: Path, settings: Settings
) -> None:
    before = {p: p.stat().st_mtime_ns for p in [read_only, *read_only.rglob("*")]}
    assert scan([read_only], out=tmp_path / "out", settings=settings).exit_code == 0
    assert {p: p.stat().st_mtime_ns for p in [read_only, *read_only.rglob("*")]} == before


@pytest.mark.skipif(
    os.getuid() == 0 and not shutil.which("setpriv"), reason="needs setpriv (util-linux)"
)
def test_an_output_that_cannot_be_written_is_one_line(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    done = batchmri(
        "scan", archive, "--out", tmp_path / "locked" / "out",
        before=UNPRIVILEGED if os.getuid() == 0 else (),
    )  # fmt: skip
    assert_one_line(done, 2, "locked", "Permission denied")


def test_a_disk_that_is_full_harms_no_earlier_result(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patched sibling of the small file system in tests/nights/year.py."""
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    before = contents(out)
    write_series(archive / "b", "b", "one")

    def full(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left on device"):
            scan([archive], out=out, settings=settings)
    assert contents(out) == before
    scan([archive], out=out, settings=settings)
    fresh = tmp_path / "fresh"
    scan([archive], out=fresh, settings=settings)
    assert contents(out) == contents(fresh)


def test_a_file_that_vanishes_while_it_waits_is_named(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = save(instance("a", "one", 6), archive / "a" / "vanishes")
    real = planted.fails_for_some
    monkeypatch.setattr("batchmri.pipeline.loader.decode_many", real)
    monkeypatch.setattr(
        "batchmri.pipeline.main_job.waiting", _after(lambda: victim.unlink(missing_ok=True))
    )
    out = tmp_path / "out"
    assert scan([archive], out=out, settings=settings).exit_code == 1
    assert [(row["source"], row["reason"]) for row in table(out, "files")] == [
        ("archive/a/vanishes", "io_error")
    ]
    assert len(table(out, "slices")) == 6
    assert_every_file_accounted_for(out, 7)


def _after(deed):  # type: ignore[no-untyped-def]
    from batchmri.pipeline.plan import waiting

    def waits(store):  # type: ignore[no-untyped-def]
        deed()
        return waiting(store)

    return waits


def test_a_decoder_that_eats_memory_costs_its_file_only(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(instance("a", "one", 6), archive / "a" / "glutton")
    monkeypatch.setattr("batchmri.pipeline.loader.decode_many", planted.fails_for_some)
    small = settings.model_copy(
        update={"pixels": settings.pixels.model_copy(update={"max_file_mb": 64})}
    )
    out = tmp_path / "out"
    assert scan([archive], out=out, settings=small).exit_code == 1
    assert [row["reason"] for row in table(out, "files")] == ["out_of_memory"]
    assert len(table(out, "slices")) == 6
