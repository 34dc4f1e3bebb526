"""The engine `local`: worker processes read and decode files, and this process runs the model."""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from itertools import chain, islice
from types import TracebackType
from typing import TYPE_CHECKING

from batchmri.formats.header_context import HeaderContext
from batchmri.formats.read_headers import read_headers
from batchmri.pipeline.engines.base import FinishedSeries, LocalModel
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote, Instance, Series

if TYPE_CHECKING:  # a run with nothing new needs no workers
    from batchmri.pipeline.engines.worker_pool import Task, WorkerPool

_FILES_PER_TASK = 32


class LocalEngine(LocalModel):
    """Worker processes on this machine; see `Engine`."""

    @cached_property
    def _pool(self) -> "WorkerPool":
        """The workers, which are started when there is something to read."""
        from batchmri.pipeline.engines.worker_pool import WorkerPool

        settings = self.context.settings
        return WorkerPool(
            settings.pixels.n_workers,
            settings.archive.file_timeout_s,
            settings.pixels.max_file_mb << 20,
            self.context.stop,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if "_pool" in vars(self):
            self._pool.close()

    def read_headers(
        self, entries: Iterable[FileEntry], context: HeaderContext
    ) -> Iterator[tuple[FileEntry, Instance | FileNote]]:
        """Yield every file with its header, or with the reason why there is none, in order."""
        read = partial(read_headers, context=context)
        remaining = iter(entries)
        in_flight: deque[Task[FileEntry, Instance | FileNote]] = deque()
        while chunk := list(islice(remaining, _FILES_PER_TASK)):
            in_flight.append(self._pool.submit(read, chunk, unreadable=Reason.BAD_HEADER))
            if len(in_flight) > 2 * self._pool.processes:
                yield from self._gather(in_flight.popleft())
        while in_flight:
            yield from self._gather(in_flight.popleft())

    def _gather(
        self, task: "Task[FileEntry, Instance | FileNote]"
    ) -> Iterator[tuple[FileEntry, Instance | FileNote]]:
        gathered = self._pool.gather(task)
        for entry, found in zip(task.items, gathered, strict=True):
            if isinstance(found, Instance | FileNote):
                yield entry, found
            else:
                yield entry, FileNote(entry.source, found.reason, found.detail)

    def classify(self, waiting: Iterable[Series]) -> Iterator[FinishedSeries]:
        """Yield every series with its result, once its pictures have been written."""
        remaining = iter(waiting)
        for first in remaining:  # imported and started only if there is something to classify
            from batchmri.pipeline.classify import SeriesClassifier

            classifier = SeriesClassifier(self._pool, self.model, self.context)
            yield from classifier.classify(chain((first,), remaining))
