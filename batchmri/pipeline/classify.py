"""Classification of series: workers decode, prepare and draw; this process runs the model."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np

from batchmri.formats.decode_task import Refusal
from batchmri.model.backends.base import Backend
from batchmri.model.calibration import probabilities
from batchmri.outputs.strips import strip_slices
from batchmri.pipeline.draw import drawn_as, has_heat, series_caption, wanted_pictures
from batchmri.pipeline.draw_series import Drawings, DrawTask
from batchmri.pipeline.engines.base import EngineContext, FinishedSeries
from batchmri.pipeline.engines.batcher import Batcher, Classified
from batchmri.pipeline.engines.decode_pool import PreparedChunk, load, load_some
from batchmri.pipeline.engines.prepared_slices import SharedPixels
from batchmri.pipeline.engines.series_accumulator import (
    ClassifiedSlice,
    SeriesAccumulator,
    held_bytes,
)
from batchmri.pipeline.engines.worker_pool import Pool
from batchmri.pipeline.run.loaded_model import Model
from batchmri.preparation.transforms import PreparationSettings
from batchmri.reasons import Reason
from batchmri.records import (
    CropBox,
    FloatArray,
    Scores,
    Series,
    SeriesKey,
    SeriesResult,
    SliceRef,
)
from batchmri.verdict.series import series_verdict
from batchmri.verdict.temperature import sharpened, sharpening

_MEGABYTE = 1 << 20
_NOT_FINITE = Refusal(Reason.BAD_PIXELS, "the network returns values that are not finite")


@dataclass(frozen=True, slots=True)
class _Tag:
    accumulator: SeriesAccumulator
    ref: SliceRef
    box: CropBox
    flags: tuple[str, ...] = ()


class SeriesClassifier:
    """Classifies series with a worker pool that prepares and draws them.

    The model runs in this process.
    """

    def __init__(self, pool: Pool, model: Model, context: EngineContext) -> None:
        if context.output is None:
            raise ValueError("an engine without an output folder can only read headers")
        self._pool = pool
        self._model = model
        self._settings = context.settings
        self._output = context.output
        self._stop = context.stop
        self._preparation = PreparationSettings.model_validate(model.card.preparation)
        self._accumulators: dict[SeriesKey, SeriesAccumulator] = {}
        half = self._settings.pixels.memory_mb * _MEGABYTE // 2
        self._drawings = Drawings(pool, half)

    def classify(self, waiting: Iterable[Series]) -> Iterator[FinishedSeries]:
        """Yield each series once its pictures have been written.

        The network is loaded while the first slices are decoded.
        """
        network = self._load_network()
        pixels, report = self._settings.pixels, self._settings.report
        chunks = load(
            self._pool,
            waiting,
            budget=pixels.memory_mb * _MEGABYTE,
            max_file_bytes=pixels.max_file_mb * _MEGABYTE,
            held=lambda: held_bytes(self._accumulators.values()) + self._drawings.n_bytes,
            preparation=self._preparation,
            keep_pixels=report.html or report.gradcam != "none",
        )
        first = list(islice(chunks, 1))
        with Batcher[_Tag](self._stop.result(network), self._stop) as batcher:
            for chunk in chain(first, chunks):
                yield from self._take(chunk, batcher)
            for classified in batcher.finish():
                yield from self._collect(classified)
        yield from self._drawings.rest()

    def _load_network(self) -> "Future[Backend]":
        """Load the backend in a thread, so that a signal does not wait for its compilation."""
        thread = ThreadPoolExecutor(max_workers=1)
        future = thread.submit(lambda: self._model.backend)
        thread.shutdown(wait=False)
        return future

    def _take(self, chunk: PreparedChunk, batcher: Batcher[_Tag]) -> Iterator[FinishedSeries]:
        whole = chunk.last and chunk.series.key not in self._accumulators
        accumulator = self._accumulators.setdefault(
            chunk.series.key, SeriesAccumulator(chunk.series)
        )
        good = accumulator.add(chunk)
        if whole:
            accumulator.kept = {ref.index: one.pixels for ref, one in good if one.pixels}
        for ref, prepared in good:
            tag = _Tag(accumulator, ref, prepared.box, prepared.flags)
            for classified in batcher.put(prepared.image, tag):
                yield from self._collect(classified)
        # No slice of the series could be read, or its last chunk came after all its scores.
        if accumulator.complete and chunk.series.key in self._accumulators:
            yield from self._finish(accumulator)
        yield from self._drawings.finished()

    def _collect(self, classified: Classified[_Tag]) -> Iterator[FinishedSeries]:
        tag = classified.tag
        accumulator, ref = tag.accumulator, tag.ref
        if np.isfinite(classified.maps).all() and np.isfinite(classified.features).all():
            accumulator.classified[ref.index] = ClassifiedSlice(
                ref, tag.box, tag.flags, classified.maps, classified.features
            )
        else:
            accumulator.refuse(ref, _NOT_FINITE)
        if accumulator.complete:
            yield from self._finish(accumulator)

    def _scores(self, slices: Sequence[ClassifiedSlice], maps: FloatArray) -> tuple[Scores, ...]:
        """The scores of the slices of a series with these class maps (n, classes, h, w)."""
        rows = probabilities(maps, self._model.card.temperature).tolist()
        detector = self._model.ood_detector
        features = np.stack([one.features for one in slices])
        domains = detector.scores(features) if detector else [None] * len(slices)
        return tuple(
            Scores(one.ref, tuple(row), one.box, one.flags, domain)
            for one, row, domain in zip(slices, rows, domains, strict=True)
        )

    def _finish(self, accumulator: SeriesAccumulator) -> Iterator[FinishedSeries]:
        """Yield a complete series, or let a worker draw it; then yield those that are drawn."""
        slices = accumulator.slices
        maps = np.stack([one.maps for one in slices]) if slices else np.empty(0, np.float32)
        scores = self._scores(slices, maps) if slices else ()
        result = accumulator.result(scores, self._model.card.weights_digest)
        left_out, trouble = tuple(accumulator.left_out()), accumulator.trouble
        task = self._draw_task(accumulator, result, maps) if slices else None
        del self._accumulators[accumulator.series.key]
        finished = FinishedSeries(result, left_out, trouble)
        if task is None:
            yield finished
        else:
            self._drawings.add(finished, task)
        yield from self._drawings.finished()

    def _draw_task(
        self, accumulator: SeriesAccumulator, result: SeriesResult, maps: FloatArray
    ) -> DrawTask | None:
        """What to draw for a result with these class maps; None if there is nothing."""
        classes, rules = self._model.classes, self._settings.report
        series, exponent = result.series, sharpening(classes, self._settings.verdict)
        current = sharpened(result.scores, exponent)
        verdict = series_verdict(series, current, classes, self._settings.verdict)
        wanted = wanted_pictures(current, verdict, classes, rules)
        strips = strip_slices(current, verdict) if rules.html else ()
        volumes = rules.writes_heatmaps and has_heat(verdict)
        if not wanted and not strips and not volumes:
            return None
        caption = series_caption(series, verdict, classes, result.model_digest, rules)
        n_slices = series.n_slices or len(series.slices)
        return DrawTask(
            series if volumes else replace(series, slices=(), n_slices=n_slices),
            caption,
            drawn_as(caption, verdict, exponent),
            verdict,
            current,
            maps,
            self._model.backend.bias,
            self._pixels(accumulator, {*wanted, *strips}),
            wanted,
            classes,
            rules,
            self._output,
        )

    def _pixels(
        self, accumulator: SeriesAccumulator, indices: Set[int]
    ) -> Mapping[int, SharedPixels | FloatArray]:
        """The decoded slices at `indices`, read again if the series came in several chunks."""
        if accumulator.kept:
            return {i: one for i, one in accumulator.kept.items() if i in indices}
        refs = [ref for ref in accumulator.series.slices if ref.index in indices]
        limit = self._settings.pixels.max_file_mb * _MEGABYTE
        return load_some(self._pool, accumulator.series, refs, limit)
