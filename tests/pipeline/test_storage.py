"""Storage that fails or changes during a scan: one-line errors, earlier results intact."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from batchmri.errors import (
    InterruptedRunError,
    OutputBusyError,
    OutputError,
    StateError,
    UsageError,
)
from batchmri.pipeline.aggregate import AggregatedStudy, aggregate
from batchmri.pipeline.commands.status import status
from batchmri.pipeline.run.lock import hold
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.cli.command import UNPRIVILEGED, assert_one_line, batchmri_process
from tests.pipeline import planted
from tests.pipeline.builders import instance, save, write_series
from tests.pipeline.outputs import assert_every_file_accounted_for, contents, table


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_series(tmp_path / "archive" / "a", "a", "one")
    return tmp_path / "archive"


@pytest.fixture
def read_only(archive: Path) -> Iterator[Path]:
    """The archive on a read-only mount, or without write permission if mounting is not allowed."""
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
def test_an_output_that_cannot_be_written_is_a_one_line_error(
    archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    done = batchmri_process(
        "scan", archive, "--out", tmp_path / "locked" / "out",
        before=UNPRIVILEGED if os.getuid() == 0 else (),
    )  # fmt: skip
    assert_one_line(done, 2, "locked", "Permission denied")


def test_a_full_disk_keeps_earlier_results(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulation of the small file system in tests/nights/year.py."""
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    before = contents(out)
    write_series(archive / "b", "b", "one")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", planted.full_disk)
        patch.setattr("batchmri.pipeline.draw_series.draw_series", planted.draws_on_a_full_disk)
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
    monkeypatch.setattr("batchmri.pipeline.engines.decode_pool.decode_many", real)
    monkeypatch.setattr(
        "batchmri.pipeline.scan.waiting", _after(lambda: victim.unlink(missing_ok=True))
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


def test_a_decoder_that_exceeds_its_memory_loses_only_its_file(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(instance("a", "one", 6), archive / "a" / "glutton")
    monkeypatch.setattr("batchmri.pipeline.engines.decode_pool.decode_many", planted.fails_for_some)
    small = settings.model_copy(
        update={"pixels": settings.pixels.model_copy(update={"max_file_mb": 64})}
    )
    out = tmp_path / "out"
    assert scan([archive], out=out, settings=small).exit_code == 1
    assert [row["reason"] for row in table(out, "files")] == ["out_of_memory"]
    assert len(table(out, "slices")) == 6


def test_foreign_files_among_the_pictures_are_kept_and_ignored(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    write_series(archive / "b", "b", "one")
    scan([archive], out=out, settings=settings)
    folder = next((out / "gradcam").glob("*/*"))
    strays = [out / "gradcam" / "notes.txt", folder.parent / "Thumbs.db", folder / "note.txt"]
    for stray in strays:
        stray.write_text("text")
    for stray in (out / "gradcam" / "mine" / "holiday", folder / "mine", folder / "folder.tmp"):
        stray.mkdir(parents=True)
        (stray / "beach.png").write_bytes(b"png")
        strays.append(stray / "beach.png")
    (folder / "old.png").write_bytes(b"a picture that no row names")
    shutil.rmtree(archive / "a")
    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert [row["source"] for row in table(out, "studies")] == ["archive/b"]
    assert all(stray.exists() for stray in strays)
    assert not (folder / "old.png").exists()
    fresh = tmp_path / "fresh"
    scan([archive], out=fresh, settings=settings)
    ours = {p: c for p, c in contents(out).items() if out / p not in strays}
    assert ours == contents(fresh)


@pytest.mark.parametrize("text", ['{"run": "ab', "[]", "", '{"state"', '"text"'])
def test_a_damaged_run_json_is_a_one_line_error(
    text: str, archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_text(text)
    with pytest.raises(StateError, match=r"run.json: damaged.*--state"):
        scan([archive], out=out, settings=settings)
    assert not (out / "state.db").exists()


def test_a_state_of_another_output_is_locked_too(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    elsewhere = ScanOptions(state=tmp_path / "local")
    (tmp_path / "local").mkdir()
    with (
        hold(tmp_path / "local"),
        pytest.raises(OutputBusyError, match=r"local.*in use by another scan"),
    ):
        scan([archive], out=tmp_path / "out", settings=settings, options=elsewhere)


@pytest.mark.parametrize(
    ("classifier", "paths", "error"),
    [
        ({"device": "cuda:9"}, ["archive"], "cuda:9"),
        ({"backend": "torch", "precision": "fp16"}, ["archive"], "precision fp16"),
        ({}, ["empty"], "no DICOM or NIfTI image found"),
    ],
)
def test_a_refused_scan_leaves_nothing_behind(
    classifier: dict[str, str], paths: list[str], error: str,
    archive: Path, tmp_path: Path, settings: Settings,
) -> None:  # fmt: skip
    (tmp_path / "empty").mkdir()
    chosen = settings.classifier.model_copy(update=classifier)
    refused = settings.model_copy(update={"classifier": chosen})
    roots, before = [tmp_path / name for name in paths], sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=error):
        scan(roots, out=tmp_path / "new" / "out", settings=refused)
    options = ScanOptions(state=tmp_path / "state")
    with pytest.raises(UsageError, match=error):
        scan(roots, out=tmp_path / "out", settings=refused, options=options)
    assert sorted(tmp_path.iterdir()) == before


def test_a_scan_refused_because_of_its_state_leaves_no_output(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with hold(state), pytest.raises(OutputBusyError):
        scan([archive], out=tmp_path / "out", settings=settings, options=ScanOptions(state=state))
    assert not (tmp_path / "out").exists()


def test_a_refused_scan_keeps_earlier_results(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    before = sorted(out.rglob("*"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no DICOM or NIfTI"):
        scan([archive, tmp_path / "empty"], out=out, settings=settings)
    assert sorted(out.rglob("*")) == before


def test_a_lock_that_was_removed_while_it_was_opened_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lock = os.open, tmp_path / ".lock"
    removed: list[int] = []

    def opened(*arguments: Any, **options: Any) -> int:
        handle = real(*arguments, **options)
        if not removed:
            removed.append(handle)
            lock.unlink()
        return handle

    with monkeypatch.context() as patch:
        patch.setattr("batchmri.pipeline.run.lock.os.open", opened)
        with hold(tmp_path):
            patch.undo()
            with pytest.raises(OutputBusyError), hold(tmp_path):
                pass


def test_a_linked_state_is_locked_where_it_is(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "state.db").symlink_to(tmp_path / "local" / "state.db")
    with hold(tmp_path / "local"), pytest.raises(OutputBusyError, match=r"local.*in use"):
        scan([archive], out=tmp_path / "out", settings=settings)


def test_a_state_belongs_to_one_output(archive: Path, tmp_path: Path, settings: Settings) -> None:
    out, moved, elsewhere = tmp_path / "out", tmp_path / "moved", ScanOptions(state=tmp_path / "s")
    scan([archive], out=out, settings=settings, options=elsewhere)
    with pytest.raises(StateError, match=r"is the state of .*out; name another folder"):
        scan([archive], out=tmp_path / "other", settings=settings, options=elsewhere)
    out.rename(moved)
    assert scan([archive], out=moved, settings=settings, options=elsewhere).exit_code == 0


def test_a_moved_output_without_its_state_starts_from_the_beginning(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out, moved, copied = (tmp_path / name for name in ("out", "moved", "copied"))
    scan([archive], out=out, settings=settings)
    assert json.loads((out / "run.json").read_text())["state"] == "state.db"
    shutil.copytree(out, copied)
    out.rename(moved)
    (moved / "state.db").unlink()
    with pytest.raises(UsageError, match=r"moved: no results here \(no state.db\)"):
        status(moved)
    assert scan([archive], out=moved, settings=settings).exit_code == 0
    assert contents(moved) == contents(copied)

    (copied / "state.db").unlink()
    local = ScanOptions(state=tmp_path / "local")
    assert scan([archive], out=copied, settings=settings, options=local).exit_code == 0
    (tmp_path / "local" / "state.db").unlink()
    with pytest.raises(UsageError, match=rf"its state is {tmp_path}/local/state.db; name that"):
        scan([archive], out=copied, settings=settings)


def test_status_works_while_a_scan_writes_and_waits_for_a_commit(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    with closing(sqlite3.connect(out / "state.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert status(out).series == {"classified": 1}
        writer.execute("COMMIT")
        writer.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr("batchmri.state.store._BUSY_TIMEOUT_S", 0.01)
        with pytest.raises(OutputBusyError, match="try again later"):
            status(out)


def test_an_interrupt_while_the_network_is_loaded_ends_the_scan(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = threading.Event()

    def load(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        loaded.wait()

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("batchmri.pipeline.run.loaded_model.load_backend", load)
        assert scan([archive], out=out, settings=settings).exit_code == 130
    loaded.set()
    assert [run["exit_code"] for run in status(out).runs] == [130]
    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert [row["change"] for row in table(out, "changes")] == ["new"]


def test_an_interrupt_leaves_tables_that_take_long_as_they_were(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    before = contents(out)
    write_series(archive / "b", "b", "one")

    def interrupted(*arguments: Any) -> AggregatedStudy:
        os.kill(os.getpid(), signal.SIGTERM)
        return aggregate(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("batchmri.pipeline.scan._EXPORT_GRACE_S", 0)
        patch.setattr("batchmri.pipeline.export.aggregate", interrupted)
        with pytest.raises(InterruptedRunError) as caught:
            scan([archive], out=out, settings=settings)
    assert caught.value.exit_code == 143
    assert contents(out) | before == contents(out), "tables and pictures that were there"
    assert status(out).runs[0]["exit_code"] == 143
    scan([archive], out=out, settings=settings)
    assert [row["change"] for row in table(out, "changes")] == ["new"]
