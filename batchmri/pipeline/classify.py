"""Classification of series: workers decode and prepare slices, and this process runs the model."""

from collections.abc import Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain

from batchmri.model.backends.base import Backend
from batchmri.model.calibration import probabilities
from batchmri.model.gradcam import gradcam, tumor_gradcam
from batchmri.outputs.strips import strip_slices
from batchmri.pipeline.draw import (
    Volume,
    draw_pictures,
    draw_report_strips,
    drawn_as,
    has_heat,
    series_caption,
    wanted_pictures,
    weight,
    with_volume,
)
from batchmri.pipeline.engines.base import EngineContext, FinishedSeries
from batchmri.pipeline.engines.batcher import Batcher, Classified
from batchmri.pipeline.engines.decode_pool import PreparedChunk, load, load_some
from batchmri.pipeline.engines.series_accumulator import SeriesAccumulator, held_bytes
from batchmri.pipeline.engines.worker_pool import Pool
from batchmri.pipeline.heatmaps import write_heatmap
from batchmri.pipeline.run.loaded_model import Model
from batchmri.preparation.transforms import PreparationSettings
from batchmri.reasons import Status
from batchmri.records import (
    TUMOR,
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


@dataclass(frozen=True, slots=True)
class _Tag:
    accumulator: SeriesAccumulator
    ref: SliceRef
    box: CropBox
    flags: tuple[str, ...] = ()


class SeriesClassifier:
    """Classifies series with slices that a worker pool prepares; the model runs in this process."""

    def __init__(self, pool: Pool, model: Model, context: EngineContext) -> None:
        if context.output is None:
            raise ValueError("an engine without an output folder only reads headers")
        self._pool = pool
        self._model = model
        self._settings = context.settings
        self._output = context.output
        self._stop = context.stop
        self._preparation = PreparationSettings.model_validate(model.card.preparation)
        self._accumulators: dict[SeriesKey, SeriesAccumulator] = {}

    def classify(self, waiting: Iterable[Series]) -> Iterator[FinishedSeries]:
        """Yield each series once its pictures have been written."""
        pixels, report = self._settings.pixels, self._settings.report
        chunks = load(
            self._pool,
            waiting,
            budget=pixels.memory_mb * _MEGABYTE,
            max_file_bytes=pixels.max_file_mb * _MEGABYTE,
            held=lambda: held_bytes(self._accumulators.values()),
            preparation=self._preparation,
            keep_pixels=report.html or report.gradcam != "none",
        )
        first = next(chunks, None)
        if first is None:
            return  # nothing to classify: do not load the network
        with Batcher[_Tag](self._load_network(), self._stop) as batcher:
            for chunk in chain((first,), chunks):
                yield from self._take(chunk, batcher)
            for classified in batcher.finish():
                yield from self._score(classified)

    def _load_network(self) -> Backend:
        """The backend, loaded in a thread, so that a signal does not wait for its compilation."""
        thread = ThreadPoolExecutor(max_workers=1)
        future = thread.submit(lambda: self._model.backend)
        thread.shutdown(wait=False)
        return self._stop.result(future)

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
                yield from self._score(classified)
        # No slice of the series could be read, or its last chunk came after all its scores.
        if accumulator.complete and chunk.series.key in self._accumulators:
            yield self._finish(accumulator)

    def _score(self, classified: Classified[_Tag]) -> Iterator[FinishedSeries]:
        tag = classified.tag
        row = probabilities(classified.maps[None], self._model.card.temperature)[0]
        detector = self._model.ood_detector
        domain = detector.scores(classified.features[None])[0] if detector else None
        tag.accumulator.scores[tag.ref.index] = Scores(
            tag.ref, tuple(map(float, row)), tag.box, tag.flags, domain
        )
        tag.accumulator.maps[tag.ref.index] = classified.maps
        if tag.accumulator.complete:
            yield self._finish(tag.accumulator)

    def _finish(self, accumulator: SeriesAccumulator) -> FinishedSeries:
        result = accumulator.result(self._model.card.weights_digest)
        if result.status is Status.CLASSIFIED:
            result = self._draw(accumulator, result)
        del self._accumulators[accumulator.series.key]
        return FinishedSeries(result, tuple(accumulator.left_out()), accumulator.trouble)

    def _draw(self, accumulator: SeriesAccumulator, result: SeriesResult) -> SeriesResult:
        classes, rules = self._model.classes, self._settings.report
        series, exponent = result.series, sharpening(classes, self._settings.verdict)
        current = sharpened(result.scores, exponent)
        verdict = series_verdict(series, current, classes, self._settings.verdict)
        wanted = wanted_pictures(current, verdict, classes, rules)
        strips = strip_slices(current, verdict) if rules.html else ()
        volumes = rules.writes_heatmaps and has_heat(verdict)
        if not wanted and not strips and not volumes:
            return result
        scores = {s.ref.index: s for s in current}
        heat = self._heat_maps(accumulator.maps, scores, verdict.shown_class)
        pixels = self._pixels(accumulator, {*wanted, *strips})
        caption = series_caption(series, verdict, classes, result.model_digest, rules)
        pictured = {index: pixels[index] for index in wanted if index in pixels}
        drawn = draw_pictures(
            series, caption, verdict, scores, heat, pictured, classes, self._output
        )
        if strips:
            draw_report_strips(series, verdict, scores, heat, pixels, classes, self._output)
        volume = Volume.NONE
        if volumes:
            weights = {i: weight(verdict, one, classes) for i, one in scores.items()}
            whole = replace(series, slices=accumulator.series.slices)
            is_written = write_heatmap(whole, scores, heat, weights, self._output)
            volume = Volume.WRITTEN if is_written else Volume.WITHOUT_PLACE
        drawn_for = with_volume(drawn_as(caption, verdict, exponent), volume)
        return replace(result, pictures=drawn, picture_class=drawn_for)

    def _heat_maps(
        self, maps: Mapping[int, FloatArray], scores: Mapping[int, Scores], shown: str
    ) -> dict[int, FloatArray]:
        """The heat map of a class, or of any tumor, for every slice of a series."""
        classes, bias = self._model.classes, self._model.backend.bias
        if shown != TUMOR:
            position = classes.names.index(shown)
            return {index: gradcam(of_slice, bias)[position] for index, of_slice in maps.items()}
        no_tumor = classes.names.index(classes.no_tumor)
        return {
            index: tumor_gradcam(of_slice, bias, scores[index].probabilities, no_tumor)
            for index, of_slice in maps.items()
        }

    def _pixels(
        self, accumulator: SeriesAccumulator, indices: Set[int]
    ) -> Mapping[int, FloatArray]:
        """The decoded slices at `indices`, read again if the series came in several chunks."""
        if accumulator.kept:
            return {i: one.read() for i, one in accumulator.kept.items() if i in indices}
        refs = [ref for ref in accumulator.series.slices if ref.index in indices]
        limit = self._settings.pixels.max_file_mb * _MEGABYTE
        return load_some(self._pool, accumulator.series, refs, limit)
