"""Indexing: walk the roots, check the archive, and read new and changed headers into the state."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from batchmri.archive.walker import MountPoints, walk
from batchmri.formats.header_context import HeaderContext
from batchmri.formats.read_headers import HEADER_VERSION
from batchmri.formats.registry import header_version
from batchmri.outputs.console import Console
from batchmri.outputs.progress import Stage
from batchmri.pipeline.engines.base import Engine
from batchmri.pipeline.run.archive_check import check_archive
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.reasons import GIVEN_UP, MAX_FAILED_RUNS
from batchmri.records import FileEntry, FileNote, Instance
from batchmri.settings import Settings
from batchmri.settings.archive import ArchiveSettings
from batchmri.state.store import Store
from batchmri.state.transaction import Bulk

HEADER_VERSION_KEY = "header_version"
_FILES_PER_TRANSACTION = 4096
_FILES_PER_CHUNK = 512


def index(
    store: Store,
    roots: Mapping[str, str],
    not_below: Path | None,
    settings: Settings,
    options: ScanOptions,
    engine: Engine,
    console: Console,
    stop: Shutdown,
    begin: Callable[[], None] = lambda: None,
) -> int:
    """Update the files in the state from the folders; returns the number of new failures.

    `begin` is called in the transaction that applies the walk, after the archive has been checked.
    Raises ArchiveError, without changing the state, if the archive looks wrong. If a stop is
    requested, the headers that were read so far are kept.
    """
    version, now_s = header_version(HEADER_VERSION), time.time()
    first_run = store.files.is_empty()
    store.files.begin_walk(
        now_s, compare=not options.rescan and store.meta(HEADER_VERSION_KEY) == version
    )
    mounts = MountPoints(frozenset() if options.allow_shrink else store.mount_points())
    _walk(store, roots, not_below, settings.archive, mounts, console, stop)
    if stop.requested:
        return 0
    check_archive(store, roots, allow_shrink=options.allow_shrink)
    with store.transaction():
        begin()
        store.remember_mount_points(mounts.found)
        if store.meta(HEADER_VERSION_KEY) != version:
            store.files.forget_headers()
            store.set_meta(HEADER_VERSION_KEY, version)
        unread = store.files.apply_walk(
            max_failed_runs=MAX_FAILED_RUNS, retry_failed=options.retry_failed, now_s=now_s
        )
    context = HeaderContext(
        store.patient_key(), settings.archive.nifti_study, settings.report.identifiers
    )
    with (
        console.stage("reading headers", unread) as progress,
        store.bulk(_FILES_PER_TRANSACTION) as bulk,
    ):
        headers = _Headers(store, console, progress, bulk, first_run, now_s)
        for entry, found in engine.read_headers(headers.unread(stop), context):
            headers.put(entry, found)
    return headers.n_failed


@dataclass(slots=True)
class _Headers:
    """Stores headers in the state, and counts the files that fail for the first time."""

    store: Store
    console: Console
    progress: Stage
    bulk: Bulk
    first_run: bool
    now_s: float
    n_failed: int = 0

    def unread(self, stop: Shutdown) -> Iterator[FileEntry]:
        """The files to read; notes of the walk are stored while iterating."""
        for item in stop.until(self.store.files.unread()):
            if isinstance(item, FileEntry):
                yield item
            else:
                self.put(FileEntry(item.source, "", 0, 0), item)

    def put(self, entry: FileEntry, found: Instance | FileNote) -> None:
        """Store the header of a file, or why there is none."""
        # A file counts as changed at its mtime in the first run, and now in any later run.
        seen_s = min(self.now_s, entry.mtime_ns / 1e9) if self.first_run else self.now_s
        tries = self.store.files.put_header(entry, found, seen_s)
        self.n_failed += tries == 1
        if isinstance(found, FileNote) and tries == 1:
            self.console.warn(
                "failed", file=entry.source, reason=found.reason, detail=found.detail or None
            )
        if (
            isinstance(found, FileNote)
            and found.reason.about.temporary
            and tries == MAX_FAILED_RUNS
        ):
            self.store.files.n_given_up += 1
            self.console.warn(GIVEN_UP, file=entry.source, reason=found.reason)
        self.progress.advance()
        self.bulk.tick()


def _walk(
    store: Store,
    roots: Mapping[str, str],
    not_below: Path | None,
    settings: ArchiveSettings,
    mounts: MountPoints,
    console: Console,
    stop: Shutdown,
) -> None:
    excluded_folders = [str(not_below)] if not_below else []
    found = walk(roots, settings.exclude, excluded_folders, settings.follow_links, mounts)
    chunks = iter(lambda: list(islice(found, _FILES_PER_CHUNK)), [])
    with console.stage("walking folders") as progress, store.transaction():
        for items in stop.until(chunks):
            store.files.add_walked(items)
            progress.advance(len(items))
        store.files.end_walk()
