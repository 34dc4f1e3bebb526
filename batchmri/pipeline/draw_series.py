"""Drawing of classified series in worker processes, while the scan goes on.

A worker writes everything that a series shows: pictures, strips of the HTML report, heat map. If
the worker is lost, this process draws the series itself.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from batchmri.errors import OutputError
from batchmri.model.gradcam import gradcam, tumor_gradcam
from batchmri.outputs.atomic_write import readers
from batchmri.outputs.captions import SeriesCaption
from batchmri.outputs.strips import strip_slices
from batchmri.pipeline.draw import (
    Volume,
    draw_pictures,
    draw_report_strips,
    has_heat,
    weight,
    with_volume,
)
from batchmri.pipeline.engines.base import FinishedSeries
from batchmri.pipeline.engines.prepared_slices import SharedPixels
from batchmri.pipeline.engines.worker_pool import Lost, Pool, Task
from batchmri.reasons import Reason
from batchmri.records import TUMOR, Classes, FloatArray, Scores, Series, Verdict
from batchmri.settings.report import ReportSettings

_SERIES_PER_WORKER = 2


@dataclass(frozen=True, slots=True)
class Drawn:
    """Result of drawing: `pictures` and `picture_class` as in SeriesResult."""

    pictures: tuple[tuple[int, str], ...]
    picture_class: str


@dataclass(frozen=True, slots=True)
class DrawTask:
    """A series to draw into `output`.

    `drawn_as` is the digest of what the pictures show (`pipeline.draw`). `maps` (n, classes, h, w)
    are the class maps of `scores`, `bias` (classes,) that of the backend. `pixels` are the slices
    at `wanted` and in the strips that could be read. `series` contains its slices if heat maps are
    written.
    """

    series: Series
    caption: SeriesCaption
    drawn_as: str
    verdict: Verdict
    scores: tuple[Scores, ...]
    maps: FloatArray
    bias: FloatArray
    pixels: Mapping[int, SharedPixels | FloatArray]
    wanted: tuple[int, ...]
    classes: Classes
    rules: ReportSettings
    output: Path

    @property
    def n_bytes(self) -> int:
        """Size of the slices in bytes."""
        sizes = (
            p.n_bytes if isinstance(p, SharedPixels) else p.nbytes for p in self.pixels.values()
        )
        return sum(sizes)


def draw_series(tasks: Sequence[DrawTask]) -> list[Drawn | OutputError]:
    """Draw series; if the output cannot be written, the result is the error."""
    return [_draw(task) for task in tasks]


def _draw(task: DrawTask) -> Drawn | OutputError:
    series, verdict, classes, output = task.series, task.verdict, task.classes, task.output
    scores = {s.ref.index: s for s in task.scores}
    heat = _heat_maps(task)
    pixels = {i: p.read() if isinstance(p, SharedPixels) else p for i, p in task.pixels.items()}
    pictured = {i: pixels[i] for i in task.wanted if i in pixels}
    volume = Volume.NONE
    try:
        with readers(group=task.rules.group_readable):
            drawn = draw_pictures(
                series, task.caption, verdict, scores, heat, pictured, classes, output
            )
            if task.rules.html and strip_slices(task.scores, verdict):
                draw_report_strips(series, verdict, scores, heat, pixels, classes, output)
            if task.rules.writes_heatmaps and has_heat(verdict):
                weights = {i: weight(verdict, one, classes) for i, one in scores.items()}
                from batchmri.pipeline.heatmaps import write_heatmap  # imports nibabel

                is_written = write_heatmap(series, scores, heat, weights, output)
                volume = Volume.WRITTEN if is_written else Volume.WITHOUT_PLACE
    except OutputError as error:
        return error
    return Drawn(drawn, with_volume(task.drawn_as, volume))


def _heat_maps(task: DrawTask) -> dict[int, FloatArray]:
    """The heat map of the shown class, or of any tumor, for every slice."""
    shown, classes = task.verdict.shown_class, task.classes
    pairs = list(zip(task.scores, task.maps, strict=True))
    if shown != TUMOR:
        position = classes.names.index(shown)
        return {s.ref.index: gradcam(maps, task.bias)[position] for s, maps in pairs}
    no_tumor = classes.names.index(classes.no_tumor)
    return {
        s.ref.index: tumor_gradcam(maps, task.bias, s.probabilities, no_tumor) for s, maps in pairs
    }


@dataclass(frozen=True, slots=True)
class _Drawing:
    finished: FinishedSeries
    task: DrawTask
    submitted: Task[DrawTask, Drawn | OutputError]


class Drawings:
    """Series that are being drawn. At most `max_bytes` of their slices are kept in memory."""

    def __init__(self, pool: Pool, max_bytes: int) -> None:
        self._pool = pool
        self._max_bytes = max_bytes
        self._pending: deque[_Drawing] = deque()

    @property
    def n_bytes(self) -> int:
        """Memory of the slices that are kept, in bytes."""
        return sum(drawing.task.n_bytes for drawing in self._pending)

    def add(self, finished: FinishedSeries, task: DrawTask) -> None:
        """Let a worker draw a series."""
        submitted = self._pool.submit(draw_series, (task,), unreadable=Reason.BAD_PIXELS)
        self._pending.append(_Drawing(finished, task, submitted))

    def finished(self) -> Iterator[FinishedSeries]:
        """Yield drawn series; wait while too many series or bytes are kept."""
        while self._pending and (self._is_full or self._pending[0].submitted.future.done()):
            yield self._next()

    def rest(self) -> Iterator[FinishedSeries]:
        """Yield all other series, once they are drawn."""
        while self._pending:
            yield self._next()

    @property
    def _is_full(self) -> bool:
        too_many = len(self._pending) > _SERIES_PER_WORKER * self._pool.processes
        return too_many or self.n_bytes > self._max_bytes

    def _next(self) -> FinishedSeries:
        drawing = self._pending.popleft()
        (drawn,) = self._pool.gather(drawing.submitted)
        if isinstance(drawn, Lost):
            drawn = _draw(drawing.task)
        if isinstance(drawn, OutputError):
            raise drawn
        finished = drawing.finished
        result = replace(
            finished.result, pictures=drawn.pictures, picture_class=drawn.picture_class
        )
        return replace(finished, result=result)
