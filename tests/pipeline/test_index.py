"""The index of an archive of which parts cannot be reached."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from batchmri.formats.header_context import HeaderContext
from batchmri.formats.read_headers import read_headers
from batchmri.outputs.console import Console
from batchmri.pipeline.engines.base import Engine
from batchmri.pipeline.index import index
from batchmri.pipeline.run.archive_check import kept_results
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.records import FileEntry, FileNote, Instance
from batchmri.settings import Settings
from batchmri.state.store import Store
from tests.pipeline.builders import uid, write_series


class SerialReader:
    """The part of an engine that reads headers, in this process."""

    def read_headers(
        self, entries: Iterable[FileEntry], context: HeaderContext
    ) -> Iterator[tuple[FileEntry, Instance | FileNote]]:
        for entry in entries:
            yield entry, *read_headers([entry], context)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    for study in ("a", "b"):
        write_series(root / study, study, "one")
    return root


def indexed(store: Store, archive: Path, **options: Any) -> str | None:
    """Index an archive; returns the sentence about results that are kept."""
    index(
        store,
        {"archive": str(archive)},
        None,
        Settings(),
        ScanOptions(**options),
        cast(Engine, SerialReader()),
        Console("plain"),
        Shutdown(),
    )
    return kept_results(store, {"archive": str(archive)})


def studies(store: Store) -> list[str]:
    return list(store.files.header_studies())


def test_content_that_git_annex_dropped_is_kept(archive: Path) -> None:
    objects = archive / ".git/annex/objects"
    objects.mkdir(parents=True)
    for path in sorted((archive / "a").iterdir()):
        path.rename(objects / path.name)
        path.symlink_to(f"../.git/annex/objects/{path.name}")
    with Store(None) as store:
        assert indexed(store, archive) is None
        before = studies(store)
        assert before == sorted([uid("a"), uid("b")])
        shutil.rmtree(objects)
        assert indexed(store, archive) == (
            "6 known files of 1 study could not be found, and the earlier results are kept: "
            f"6 files or folders cannot be read, first {archive}/a/one-000 (symbolic link to "
            "content that git-annex or DataLad has not fetched)"
        )
        assert studies(store) == before
        assert list(store.series.notes()) == []


def test_below_a_folder_that_is_not_mounted_nothing_is_gone(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = archive / "b"
    with Store(None) as store:
        with monkeypatch.context() as patch:
            _mount(patch, disk)
            assert indexed(store, archive) is None
        before = studies(store)
        disk.rename(tmp_path / "away")
        for state in ("does not exist", "is empty"):
            assert indexed(store, archive) == (
                "6 known files of 1 study could not be found, and the earlier results are kept: "
                f"{disk} cannot be read (a mount point that {state} (not mounted?))"
            )
            assert studies(store) == before
            disk.mkdir(exist_ok=True)
        assert indexed(store, archive, allow_shrink=True) is None
        assert studies(store) == [uid("a")]
        assert store.mount_points() == frozenset()


def _mount(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let a folder appear to be on another device, as a mounted disk is."""
    real = os.lstat

    def looked_up(path: str) -> Any:
        found = real(path)
        if str(path) != str(folder):
            return found
        return SimpleNamespace(st_mode=found.st_mode, st_dev=found.st_dev + 1, st_ino=found.st_ino)

    monkeypatch.setattr("batchmri.archive.walker.os.lstat", looked_up)
