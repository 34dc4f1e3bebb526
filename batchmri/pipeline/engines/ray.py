"""The engine `ray`: actors of a Ray cluster read headers and classify series.

The scan runs in the driver, which sends lists of files and single series to the actors, a bounded
number ahead, and gets headers and results back. Pixels and pictures do not pass through Ray: the
actors read the archive and write pictures into the output folder themselves.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from types import TracebackType
from typing import Any, Self, TypeVar

from batchmri.formats.header_context import HeaderContext
from batchmri.pipeline.engines.base import EngineContext, FinishedSeries, LocalModel
from batchmri.pipeline.engines.ray_actor import Actor
from batchmri.pipeline.engines.ray_cluster import connect
from batchmri.pipeline.engines.ray_crew import MAX_ACTOR_DEATHS, Crew
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote, Instance, Series, SeriesResult
from batchmri.settings.pixels import MAX_AUTO_WORKERS
from batchmri.state.series import Trouble

Item = TypeVar("Item")
Result = TypeVar("Result")
_FILES_PER_CALL = 256
_CRASHED = f"its worker ended {MAX_ACTOR_DEATHS} times"


class RayEngine(LocalModel):
    """Actors of a Ray cluster; see `Engine`.

    Connects to the cluster at once in a first run, so that actors start and load the network while
    the folders are walked, and otherwise when there is work.
    """

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._ray: Any = None
        self._close: Callable[[], None] = lambda: None
        self._actors: Crew[Any] | None = None

    def __enter__(self) -> Self:
        if self.context.first_run:
            _ = self.model  # a wrong model is reported before a cluster is started
            self._crew()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            self._dismiss()
        self._close()

    def read_headers(
        self, entries: Iterable[FileEntry], context: HeaderContext
    ) -> Iterator[tuple[FileEntry, Instance | FileNote]]:
        """Yield every file with its header, or with the reason why there is none."""
        remaining = iter(entries)
        chunks = iter(lambda: list(islice(remaining, _FILES_PER_CALL)), [])

        def call(actor: Any, chunk: list[FileEntry]) -> Any:
            return actor.read_headers.remote(chunk, context)

        for chunk, found in self._run(chunks, call, _lost_files, _lists_ahead):
            yield from zip(chunk, found, strict=True)

    def classify(self, waiting: Iterable[Series]) -> Iterator[FinishedSeries]:
        """Yield every series with its result, once its pictures have been written."""

        def call(actor: Any, series: Series) -> Any:
            return actor.classify.remote(series)

        for series, done in self._run(iter(waiting), call, _lost_series, _series_ahead):
            # Slices are not sent back, since this process has them.
            whole = replace(done.result.series, slices=series.slices)
            yield replace(done, result=replace(done.result, series=whole))
        self._dismiss()

    def _run(
        self,
        items: Iterator[Item],
        call: Callable[[Any, Item], Any],
        lost: Callable[[Item], Result],
        ahead: Callable[[int], int],
    ) -> Iterator[tuple[Item, Result]]:
        """Yield each item with the result of `call`, or with `lost` if it ended several actors."""
        first = next(items, None)
        if first is None:
            return  # nothing to do: do not start a cluster
        crew = self._crew()
        crew.begin(ahead)
        remaining = chain((first,), items)
        while crew.give_work(remaining, call):
            for item, result in crew.collect():
                yield item, result
            for item in crew.given_up():
                yield item, lost(item)
            self.context.stop.check()

    def _crew(self) -> Crew[Any]:
        """The actors, which are started if necessary."""
        if self._ray is None:
            self._ray, self._close = connect(self.context.settings.engine)
        if self._actors is None:
            self._actors = Crew(self._ray, self._n_actors(), self._new_actor)
        return self._actors

    def _dismiss(self) -> None:
        """End the actors, which leaves their resources to other programs."""
        if self._actors is not None:
            self._actors.dismiss()
        self._actors = None

    def _n_actors(self) -> int:
        """The number of actors: one per GPU, or one per machine."""
        actors = self.context.settings.engine.actors
        if actors != "auto":
            return actors
        return self._n_gpus or sum(node["Alive"] for node in self._ray.nodes())

    @property
    def _n_gpus(self) -> int:
        """The GPUs of the cluster, if the model runs on a GPU."""
        if self.context.output is None or "cuda" not in self.model.provenance["device"]:
            return 0
        return int(self._ray.cluster_resources().get("GPU", 0))

    def _new_actor(self) -> Any:
        workers = self.context.settings.pixels.workers
        remote = self._ray.remote(Actor).options(
            num_cpus=1,
            num_gpus=1 if self._n_gpus else 0,
            scheduling_strategy="SPREAD",
            max_concurrency=_series_ahead(MAX_AUTO_WORKERS if workers == "auto" else workers) + 1,
        )
        provenance = self.model.provenance if self.context.output else {}
        return remote.remote(self.context.settings, self.context.output, provenance)


def _lists_ahead(n_workers: int) -> int:
    """The lists of files in flight of an actor with that many workers."""
    return 4


def _series_ahead(n_workers: int) -> int:
    """The series in flight of an actor with that many workers.

    An engine `local` has 4 series per worker to decode, 2 to draw, and those in three batches. With
    fewer in flight, the network would wait for workers, and workers for series.
    """
    return 8 * n_workers + 16


def _lost_files(chunk: list[FileEntry]) -> list[Instance | FileNote]:
    return [FileNote(entry.source, Reason.DECODER_CRASHED, _CRASHED) for entry in chunk]


def _lost_series(series: Series) -> FinishedSeries:
    reason = Reason.DECODER_CRASHED
    result = SeriesResult(series, reason.status, reason, _CRASHED)
    return FinishedSeries(result, trouble=Trouble.TEMPORARY)
