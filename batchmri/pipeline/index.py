"""Indexing: walk the roots, check the archive, and read new and changed headers into the state."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from batchmri.archive.walker import walk
from batchmri.formats.read_headers import HEADER_VERSION, HeaderContext, read_headers
from batchmri.outputs.console import Console
from batchmri.pipeline.archive_check import check_archive
from batchmri.pipeline.scan_options import ScanOptions
from batchmri.pipeline.shutdown import Shutdown
from batchmri.pipeline.worker_pool import Lost, Task, WorkerPool
from batchmri.reasons import TRIES, Reason
from batchmri.records import FileEntry, FileNote, Instance
from batchmri.settings import Settings
from batchmri.settings.sections import ArchiveSettings
from batchmri.state.store import Store

_HEADER_VERSION_KEY = "header_version"
_FILES_PER_TASK = 32
_FILES_PER_TRANSACTION = 4096


def index(
    store: Store,
    roots: Mapping[str, str],
    not_below: Path | None,
    settings: Settings,
    options: ScanOptions,
    pool: WorkerPool,
    console: Console,
    stop: Shutdown,
    begin: Callable[[], None] = lambda: None,
) -> int:
    """Update the files in the state from the folders; returns the number of new failures.

    `begin` is called in the transaction that applies the walk, after the archive has been checked.
    Raises ArchiveError without changing the state if the archive looks wrong. If `stop` is
    requested, headers read so far are kept.
    """
    first_run = store.files.count() == 0
    _walk(store, roots, not_below, settings.archive, console, stop)
    if stop.requested:
        return 0
    check_archive(store, roots, allow_shrink=options.allow_shrink)
    now_s = time.time()
    with store.transaction():
        begin()
        if store.meta(_HEADER_VERSION_KEY) != str(HEADER_VERSION):
            store.files.forget_headers()
            store.set_meta(_HEADER_VERSION_KEY, str(HEADER_VERSION))
        unread = store.files.apply_walk(tries=TRIES, retry_failed=options.retry_failed, now_s=now_s)
    context = HeaderContext(
        store.patient_key(), settings.archive.nifti_study, settings.report.identifiers
    )
    read = partial(read_headers, context=context)
    failed = 0
    with (
        console.stage("reading headers", unread) as progress,
        store.bulk(_FILES_PER_TRANSACTION) as bulk,
    ):
        for entry, found in _headers(pool, read, stop.until(store.files.unread())):
            # In the first run a file changed at its own mtime; later, when a run first sees it.
            seen_s = min(now_s, entry.mtime_ns / 1e9) if first_run else now_s
            tries = store.files.put_header(entry, found, seen_s)
            failed += tries == 1
            if isinstance(found, FileNote) and found.reason.about.passing and tries == TRIES:
                console.warn("given up after three runs", file=entry.source, reason=found.reason)
            progress.advance()
            bulk.tick()
    return failed


def _walk(
    store: Store,
    roots: Mapping[str, str],
    not_below: Path | None,
    settings: ArchiveSettings,
    console: Console,
    stop: Shutdown,
) -> None:
    excluded_folders = [str(not_below)] if not_below else []
    store.files.begin_walk()
    with (
        console.stage("walking folders") as progress,
        store.bulk(_FILES_PER_TRANSACTION) as bulk,
    ):
        found = walk(roots, settings.exclude, excluded_folders, settings.follow_links)
        for item in stop.until(found):
            store.files.add_walked(item)
            progress.advance()
            bulk.tick()


def _headers(
    pool: WorkerPool,
    read: Callable[[Sequence[FileEntry]], Sequence[Instance | FileNote]],
    items: Iterable[FileEntry | FileNote],
) -> Iterator[tuple[FileEntry, Instance | FileNote]]:
    ahead: deque[Task[FileEntry, Instance | FileNote]] = deque()
    chunk: list[FileEntry] = []
    for item in items:
        if isinstance(item, FileNote):
            yield FileEntry(item.source, "", 0, 0), item
            continue
        chunk.append(item)
        if len(chunk) == _FILES_PER_TASK:
            ahead.append(pool.submit(read, chunk, unreadable=Reason.BAD_HEADER))
            chunk = []
        if len(ahead) > 2 * pool.processes:
            yield from _gather_headers(pool, ahead.popleft())
    if chunk:
        ahead.append(pool.submit(read, chunk, unreadable=Reason.BAD_HEADER))
    while ahead:
        yield from _gather_headers(pool, ahead.popleft())


def _gather_headers(
    pool: WorkerPool, task: Task[FileEntry, Instance | FileNote]
) -> Iterator[tuple[FileEntry, Instance | FileNote]]:
    gathered = pool.gather(task)
    for entry, found in zip(task.items, gathered, strict=True):
        if isinstance(found, Lost):
            yield entry, FileNote(entry.source, found.reason, found.detail)
        else:
            yield entry, found
