"""Series → decoded slices, read ahead of the network within a fixed memory budget."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from batchmri.pipeline.workers import Lost, Task, WorkerPool
from batchmri.pixels import Decoded, DecodeTask, Refusal, decode_many
from batchmri.records import FloatArray, Series, SliceRef

_BYTES_PER_PIXEL = 4
_FILES_PER_TASK = 8
_PARCELS_AHEAD_PER_WORKER = 4


@dataclass(frozen=True, slots=True)
class Parcel:
    """Some or all slices of a series, decoded; `last` closes the series."""

    series: Series
    refs: tuple[SliceRef, ...]
    decoded: tuple[FloatArray | Refusal, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class _Order:
    series: Series
    refs: tuple[SliceRef, ...]
    last: bool

    @property
    def n_bytes(self) -> int:
        return n_bytes(self.series, len(self.refs))


@dataclass(frozen=True, slots=True)
class _Underway:
    order: _Order
    tasks: tuple[Task[DecodeTask, Decoded], ...]


def n_bytes(series: Series, n_slices: int) -> int:
    """Memory that so many decoded slices of a series take."""
    return n_slices * series.rows * series.columns * _BYTES_PER_PIXEL


def load(
    pool: WorkerPool,
    waiting: Iterable[Series],
    *,
    budget: int,
    max_file_bytes: int,
    held: Callable[[], int],
) -> Iterator[Parcel]:
    """Decode series in their order; a series over a quarter of the budget comes in parts.

    `budget` bounds the bytes of decoded slices, those that the caller still holds included.
    """
    underway: deque[_Underway] = deque()
    for order in (o for series in waiting for o in _orders(series, budget // 4)):
        while underway and (
            len(underway) >= _PARCELS_AHEAD_PER_WORKER * pool.processes
            or held() + sum(u.order.n_bytes for u in underway) + order.n_bytes > budget
        ):
            yield _parcel(pool, underway.popleft())
        underway.append(_submit(pool, order, max_file_bytes))
    while underway:
        yield _parcel(pool, underway.popleft())


def load_some(
    pool: WorkerPool, series: Series, refs: Sequence[SliceRef], max_file_bytes: int
) -> dict[int, FloatArray]:
    """Decode a few slices of a series again; what cannot be read any more is left out."""
    order = _Order(series, tuple(refs), True)
    parcel = _parcel(pool, _submit(pool, order, max_file_bytes))
    return {
        ref.index: pixels
        for ref, pixels in zip(parcel.refs, parcel.decoded, strict=True)
        if not isinstance(pixels, Refusal)
    }


def _orders(series: Series, most_bytes: int) -> Iterator[_Order]:
    refs = series.slices
    step = max(1, most_bytes // max(1, n_bytes(series, 1)))
    for start in range(0, len(refs), step):
        yield _Order(series, refs[start : start + step], start + step >= len(refs))


def _submit(pool: WorkerPool, order: _Order, max_file_bytes: int) -> _Underway:
    series = order.series
    files = [
        DecodeTask(
            format=series.format,
            path=path,
            frames=tuple(ref.frame for ref in refs),
            tiles=tuple(ref.tile for ref in refs),
            slice_axis=series.slice_axis,
            display=series.display,
            max_bytes=max_file_bytes,
        )
        for path, group in groupby(order.refs, key=lambda ref: ref.path)
        for refs in (tuple(group),)
    ]
    chunks = [files[i : i + _FILES_PER_TASK] for i in range(0, len(files), _FILES_PER_TASK)]
    return _Underway(order, tuple(pool.submit(decode_many, chunk) for chunk in chunks))


def _parcel(pool: WorkerPool, underway: _Underway) -> Parcel:
    decoded: list[FloatArray | Refusal] = []
    for task in underway.tasks:
        gathered = pool.gather(task)
        for item, outcome in zip(task.items, gathered, strict=True):
            if isinstance(outcome, Lost):
                decoded += [Refusal(outcome.reason, outcome.detail)] * len(item.frames)
            else:
                decoded += outcome.slices
    order = underway.order
    return Parcel(order.series, order.refs, tuple(decoded), order.last)
