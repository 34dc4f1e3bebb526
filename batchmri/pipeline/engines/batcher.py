"""Batches of a fixed size, filled across series, and classified in a separate thread."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

import numpy as np

from batchmri.errors import InterruptedRunError
from batchmri.model.backends.base import Backend
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.records import FloatArray

Tag = TypeVar("Tag")
_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Classified(Generic[Tag]):
    """Class maps (classes, h, w) and features (k,) of one prepared slice."""

    tag: Tag
    maps: FloatArray
    features: FloatArray


@dataclass(frozen=True, slots=True)
class _Batch(Generic[Tag]):
    images: FloatArray
    tags: Sequence[Tag]
    future: "Future[tuple[FloatArray, FloatArray]]"


class Batcher(Generic[Tag]):
    """Collects prepared slices (1, S, S) in batches and yields the backend's outputs in order.

    A single thread runs the backend, which releases the GIL during inference. Waiting for it
    raises InterruptedRunError after `stop` has received a signal.
    """

    def __init__(self, backend: Backend, stop: Shutdown | None = None) -> None:
        self._backend = backend
        self._stop = stop or Shutdown()
        self._images: FloatArray | None = None
        self._unused: list[FloatArray] = []  # memory of earlier batches
        self._tags: list[Tag] = []
        self._in_flight: deque[_Batch[Tag]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=kind is not InterruptedRunError, cancel_futures=True)

    def put(self, image: FloatArray, tag: Tag) -> Iterator[Classified[Tag]]:
        """Add a slice; yields the results of the oldest batch if too many are in flight."""
        if self._images is None:
            self._images = self._new_images(image.shape)
        self._images[len(self._tags)] = image
        self._tags.append(tag)
        if len(self._tags) == self._backend.batch_size:
            self._send(self._images)
            if len(self._in_flight) > _BATCHES_AHEAD:
                yield from self._receive()

    def finish(self) -> Iterator[Classified[Tag]]:
        """Yield the remaining results; the last batch may be smaller."""
        if self._images is not None:
            self._send(self._images[: len(self._tags)])
        while self._in_flight:
            yield from self._receive()

    def _new_images(self, shape: tuple[int, ...]) -> FloatArray:
        if self._unused:
            return self._unused.pop()
        return np.empty((self._backend.batch_size, *shape), np.float32)

    def _send(self, images: FloatArray) -> None:
        future = self._thread.submit(self._backend.run, images)
        self._in_flight.append(_Batch(images, self._tags, future))
        self._images, self._tags = None, []

    def _receive(self) -> Iterator[Classified[Tag]]:
        batch = self._in_flight.popleft()
        maps, features = self._stop.result(batch.future)
        self._unused.append(batch.images)
        for i, tag in enumerate(batch.tags):
            yield Classified(tag, maps[i], features[i])
