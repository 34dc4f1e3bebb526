"""The actor of the engine `ray`: an engine `local` in a process of a Ray cluster."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue

from batchmri.errors import ModelError
from batchmri.formats.header_context import HeaderContext
from batchmri.outputs.atomic_write import readers
from batchmri.pipeline.engines.base import EngineContext, FinishedSeries
from batchmri.pipeline.engines.local import LocalEngine
from batchmri.pipeline.engines.worker_server import SERVER
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.records import FileEntry, FileNote, Instance, Series, SeriesKey
from batchmri.settings import Settings


class Actor:
    """Reads headers and classifies series with the worker processes and the model of its node.

    Several calls run at the same time, each in a thread. One thread classifies the series of all
    of them, so that reading overlaps with the network and batches are filled across series.
    """

    def __init__(
        self, settings: Settings, output: Path | None, provenance: Mapping[str, str]
    ) -> None:
        SERVER.ensure_running()  # it imports the readers while this process starts
        self._stack = ExitStack()
        self._stack.enter_context(readers(group=settings.report.group_readable))
        self._engine = self._stack.enter_context(
            LocalEngine(EngineContext(settings, Shutdown(), output))
        )
        self._provenance = provenance
        self._waiting: SimpleQueue[Series] = SimpleQueue()
        self._results: dict[SeriesKey, Future[FinishedSeries]] = {}
        if output is not None:
            threading.Thread(target=self._classify_all, daemon=True).start()

    def ready(self) -> int:
        """The number of worker processes."""
        return self._engine.context.settings.pixels.n_workers

    def read_headers(
        self, entries: list[FileEntry], context: HeaderContext
    ) -> list[Instance | FileNote]:
        """The header of every file, or the reason why there is none."""
        return [found for _, found in self._engine.read_headers(entries, context)]

    def classify(self, series: Series) -> FinishedSeries:
        """The result of a series without its slices, once its pictures have been written.

        Raises ModelError if the model would run on another device or precision than in the driver.
        """
        self._check_model()
        future: Future[FinishedSeries] = Future()
        self._results[series.key] = future
        self._waiting.put(series)
        done = future.result()
        return replace(done, result=replace(done.result, series=_without_slices(done)))

    def _check_model(self) -> None:
        here = self._engine.model.provenance
        differing = [f"{k} {here[k]}, not {v}" for k, v in self._provenance.items() if here[k] != v]
        if differing:
            raise ModelError(
                f"--engine ray: an actor would use {'; '.join(differing)}; set --device and "
                "--precision so that they are the same on all machines"
            )

    def _classify_all(self) -> None:
        with suppress(Exception):  # `classify` raises it again
            self._check_model()
            self._engine.model.load()  # while headers are read
        while True:
            try:
                for done in self._engine.classify(self._until_empty(self._waiting.get())):
                    self._results.pop(done.result.series.key).set_result(done)
            except BaseException as error:
                for future in self._results.values():
                    future.set_exception(error)
                self._results.clear()

    def _until_empty(self, first: Series) -> Iterator[Series]:
        """Yield series until none is waiting; then the last batch is run even if it is not full."""
        yield first
        while True:
            try:
                yield self._waiting.get_nowait()
            except Empty:
                return


def _without_slices(done: FinishedSeries) -> Series:
    return replace(done.result.series, slices=())
