"""Archive → state: walk the roots, read the headers of files that are new or changed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from batchmri.archive import HeaderContext, read_headers, walk
from batchmri.pipeline.interrupt import Interrupt
from batchmri.pipeline.workers import Lost, Task, WorkerPool
from batchmri.reasons import Status
from batchmri.records import FileEntry, FileNote, Instance
from batchmri.report import Console
from batchmri.settings import ArchiveSettings
from batchmri.state import Store

_FILES_PER_TASK = 32
_FILES_PER_TRANSACTION = 4096


def index(
    store: Store,
    roots: Mapping[str, str],
    not_below: Path | None,
    settings: ArchiveSettings,
    pool: WorkerPool,
    console: Console,
    stop: Interrupt,
) -> int:
    """Bring the state's files up to date with the folders.

    Returns how many files newly failed. Interrupted, it leaves what it read and forgets nothing.
    """
    number = store.files.begin_walk()
    context = HeaderContext(store.patient_key(), settings.nifti_study)
    read = partial(read_headers, context=context)
    left_alone = [str(not_below)] if not_below else []
    failed = 0
    with console.stage("reading headers") as progress, store.bulk(_FILES_PER_TRANSACTION) as bulk:
        met = progress.count(stop.until(walk(roots, settings.exclude, left_alone)))
        for entry, found in _headers(pool, read, _unknown(store, met, number)):
            store.files.put_header(entry, found, number)
            failed += isinstance(found, FileNote) and found.reason.status is Status.FAILED
            bulk.tick()
        if not stop.requested:
            store.files.end_walk(number)
    return failed


def _unknown(
    store: Store, met: Iterable[FileEntry | FileNote], number: int
) -> Iterator[FileEntry | FileNote]:
    return (
        item for item in met if isinstance(item, FileNote) or not store.files.is_known(item, number)
    )


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
            ahead.append(pool.submit(read, chunk))
            chunk = []
        if len(ahead) > 2 * pool.processes:
            yield from _gather(pool, ahead.popleft())
    if chunk:
        ahead.append(pool.submit(read, chunk))
    while ahead:
        yield from _gather(pool, ahead.popleft())


def _gather(
    pool: WorkerPool, task: Task[FileEntry, Instance | FileNote]
) -> Iterator[tuple[FileEntry, Instance | FileNote]]:
    gathered = pool.gather(task)
    for entry, found in zip(task.items, gathered, strict=True):
        if isinstance(found, Lost):
            yield entry, FileNote(entry.source, found.reason, found.detail)
        else:
            yield entry, found
