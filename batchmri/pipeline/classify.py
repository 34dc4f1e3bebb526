"""The main loop of a scan: decode, prepare and classify slices, and commit each series."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from batchmri.model.backends.base import Backend
from batchmri.model.calibration import probabilities
from batchmri.model.gradcam import gradcam, tumor_gradcam
from batchmri.pipeline.batcher import Batcher, Classified
from batchmri.pipeline.decode_pool import DecodedChunk, load, load_some
from batchmri.pipeline.draw import draw_pictures, drawn_as, wanted_pictures
from batchmri.pipeline.loaded_model import Model
from batchmri.pipeline.series_accumulator import SeriesAccumulator, held_bytes
from batchmri.pipeline.shutdown import Shutdown
from batchmri.pipeline.worker_pool import WorkerPool
from batchmri.preparation.transforms import PreparationSettings, prepare
from batchmri.reasons import TRIES, Status
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
from batchmri.settings import Settings
from batchmri.state.series import Trouble
from batchmri.state.store import Store
from batchmri.verdict.series import series_verdict

_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Tag:
    accumulator: SeriesAccumulator
    ref: SliceRef
    box: CropBox


@dataclass(frozen=True, slots=True)
class Done:
    """A committed series; `newly_failed` at its first failure, `given_up` after the last try."""

    result: SeriesResult
    newly_failed: bool
    given_up: bool


class Run:
    """Classifies waiting series; a series is committed to the state before its memory is freed."""

    def __init__(
        self,
        store: Store,
        pool: WorkerPool,
        model: Model,
        settings: Settings,
        output: Path,
        stop: Shutdown,
    ) -> None:
        self._store = store
        self._pool = pool
        self._model = model
        self._settings = settings
        self._output = output
        self._stop = stop
        self._preparation = PreparationSettings.model_validate(model.card.preparation)
        self._accumulators: dict[SeriesKey, SeriesAccumulator] = {}

    def classify(self, waiting: Iterable[Series]) -> Iterator[Done]:
        """Yield each series after it has been committed."""
        pixels = self._settings.pixels
        chunks = load(
            self._pool,
            waiting,
            budget=pixels.memory_mb * _MEGABYTE,
            max_file_bytes=pixels.max_file_mb * _MEGABYTE,
            held=lambda: held_bytes(list(self._accumulators.values())),
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

    def _take(self, chunk: DecodedChunk, batcher: Batcher[_Tag]) -> Iterator[Done]:
        whole = chunk.last and chunk.series.key not in self._accumulators
        accumulator = self._accumulators.setdefault(
            chunk.series.key, SeriesAccumulator(chunk.series)
        )
        good = accumulator.add(chunk)
        if whole:
            accumulator.kept = {ref.index: pixels for ref, pixels in good}
        if good:
            stack = np.stack([pixels for _, pixels in good])
            prepared = prepare(stack, accumulator.series.shown_spacing, self._preparation)
            images = prepared.pixels.numpy()
            for (ref, _), image, box in zip(good, images, prepared.boxes, strict=True):
                for classified in batcher.put(image, _Tag(accumulator, ref, box)):
                    yield from self._score(classified)
        # No slice of the series could be read, or its last chunk came after all its scores.
        if accumulator.complete and chunk.series.key in self._accumulators:
            yield self._commit(accumulator)

    def _score(self, classified: Classified[_Tag]) -> Iterator[Done]:
        tag = classified.tag
        row = probabilities(classified.maps[None], self._model.card.temperature)[0]
        flags = ("crop_failed",) if tag.box.failed else ()
        detector = self._model.ood_detector
        domain = detector.scores(classified.features[None])[0] if detector else None
        tag.accumulator.scores[tag.ref.index] = Scores(
            tag.ref, tuple(map(float, row)), tag.box, flags, domain
        )
        tag.accumulator.maps[tag.ref.index] = classified.maps
        if tag.accumulator.complete:
            yield self._commit(tag.accumulator)

    def _commit(self, accumulator: SeriesAccumulator) -> Done:
        result = accumulator.result(self._model.card.weights_digest)
        left_out = accumulator.left_out()
        if result.status is Status.CLASSIFIED:
            result = self._draw(accumulator, result)
        tries = self._store.series.put_result(
            result, accumulator.series.fingerprint, left_out, accumulator.trouble
        )
        del self._accumulators[accumulator.series.key]
        passing = accumulator.trouble is Trouble.PASSING
        return Done(result, newly_failed=tries == 1, given_up=passing and tries == TRIES)

    def _draw(self, accumulator: SeriesAccumulator, result: SeriesResult) -> SeriesResult:
        classes = self._model.classes
        verdict = series_verdict(result.series, result.scores, classes, self._settings.verdict)
        wanted = wanted_pictures(result.scores, verdict, classes, self._settings.report)
        if not wanted:
            return result
        heat = self._heat_maps(accumulator, verdict.shown_class)
        pixels = {index: accumulator.kept[index] for index in wanted if index in accumulator.kept}
        if not accumulator.kept:
            refs = [ref for ref in accumulator.series.slices if ref.index in wanted]
            limit = self._settings.pixels.max_file_mb * _MEGABYTE
            pixels = load_some(self._pool, accumulator.series, refs, limit)
        drawn = draw_pictures(
            accumulator.series, verdict, accumulator.scores, heat, pixels, classes, self._output
        )
        return replace(result, pictures=drawn, picture_class=drawn_as(verdict))

    def _heat_maps(self, accumulator: SeriesAccumulator, shown: str) -> dict[int, FloatArray]:
        """The heat map of a class, or of any tumor, for every slice of a series."""
        classes, bias = self._model.classes, self._model.backend.bias
        if shown != TUMOR:
            position = classes.names.index(shown)
            return {i: gradcam(maps, bias)[position] for i, maps in accumulator.maps.items()}
        no_tumor = classes.names.index(classes.no_tumor)
        return {
            i: tumor_gradcam(maps, bias, accumulator.scores[i].probabilities, no_tumor)
            for i, maps in accumulator.maps.items()
        }
