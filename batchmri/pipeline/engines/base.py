"""Interface of the engines.

The scan owns state.db and is its only writer. It gives an engine files and series, and commits what
the engine returns. An engine therefore never opens state.db, and may run anywhere that sees the
archive and the output folder under the same paths.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from batchmri.extensions import ENGINES
from batchmri.formats.header_context import HeaderContext
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.records import FileEntry, FileNote, Instance, Series, SeriesResult
from batchmri.settings import Settings
from batchmri.state.series import Trouble

if TYPE_CHECKING:  # imports torch, which a dry run does not need
    from batchmri.pipeline.run.loaded_model import Model


@dataclass(frozen=True, slots=True)
class EngineContext:
    """The arguments of an engine.

    Pictures are written into `output`, which is None if only headers are read. `stop` requests an
    early end; it belongs to this process, everything else can be sent to other processes. In a
    first run no file is known yet, so that an engine can start at once what it needs for work.
    """

    settings: Settings
    stop: Shutdown
    output: Path | None = None
    first_run: bool = False


@dataclass(frozen=True, slots=True)
class FinishedSeries:
    """The result of a series whose pictures have been written, and its files without a slice."""

    result: SeriesResult
    left_out: tuple[FileNote, ...] = ()
    trouble: Trouble = Trouble.NONE


class Engine(AbstractContextManager["Engine"], Protocol):
    """Reads headers and classifies series.

    Both methods take items from their argument in the thread of the caller, only a bounded number
    of them ahead of the results, and never raise because of the content of a file. They raise
    InterruptedRunError if `stop.check()` does, while they wait. If the argument ends early, because
    a stop was requested without a signal, work in flight is finished and returned.

    After InterruptedRunError, `__exit__` abandons work in flight and returns at once.
    """

    @property
    def model(self) -> "Model":
        """The model as this engine runs it, with device and precision, on which results depend.

        Its weights need not be loaded. Raises ModelError, SettingsError.
        """

    def read_headers(
        self, entries: Iterable[FileEntry], context: HeaderContext
    ) -> Iterator[tuple[FileEntry, Instance | FileNote]]:
        """Yield every file with its header, or with the reason why there is none, in any order."""

    def classify(self, waiting: Iterable[Series]) -> Iterator[FinishedSeries]:
        """Yield every series with its result, in any order.

        The pictures of a series are renamed into place before it is yielded. It is committed about
        a second later.
        """


class LocalModel:
    """Base class of engines that run the model in this process."""

    def __init__(self, context: EngineContext) -> None:
        self.context = context

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        pass

    @cached_property
    def model(self) -> "Model":
        """The model of the settings; its weights are loaded when the first slice is classified."""
        from batchmri.pipeline.run.loaded_model import Model

        return Model.describe(self.context.settings.classifier)


def create_engine(context: EngineContext) -> Engine:
    """The engine that the settings name. Raises UsageError if it cannot be imported."""
    engine: Engine = ENGINES.load(context.settings.engine.name)(context)
    return engine
