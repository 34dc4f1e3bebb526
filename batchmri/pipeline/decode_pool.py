"""Series → decoded slices, read ahead of the network within a fixed memory budget."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from batchmri.formats.decode import Decoded, DecodeTask, Refusal, decode_many
from batchmri.pipeline.shared_file import SharedFile
from batchmri.pipeline.worker_pool import Lost, Task, WorkerPool
from batchmri.reasons import Reason
from batchmri.records import FloatArray, Series, SliceRef

_BYTES_PER_PIXEL = 4
_MOST_BYTES_STORED = 8  # per voxel of a NIfTI file
_FILES_PER_TASK = 8
_PARCELS_AHEAD_PER_WORKER = 4


@dataclass(frozen=True, slots=True)
class DecodedChunk:
    """Some or all slices of a series, decoded; `last` closes the series.

    `flags` were found while decoding.
    """

    series: Series
    refs: tuple[SliceRef, ...]
    decoded: tuple[FloatArray | Refusal, ...]
    last: bool
    flags: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Volume:
    """A NIfTI volume that is decoded in parts: the first part reads it for all."""

    memory: SharedFile | None = None
    is_read: bool = False
    refusal: Refusal | None = None

    def path(self) -> str:
        self.memory = self.memory or SharedFile()
        return self.memory.path

    def close(self) -> None:
        if self.memory is not None:
            self.memory.close()


@dataclass(frozen=True, slots=True)
class _DecodeRequest:
    series: Series
    refs: tuple[SliceRef, ...]
    first: bool
    last: bool
    volume: _Volume | None = None

    @property
    def n_bytes(self) -> int:
        return n_bytes(self.series, len(self.refs))

    @property
    def can_start(self) -> bool:
        return self.first or self.volume is None or self.volume.is_read


@dataclass(frozen=True, slots=True)
class _Underway:
    order: _DecodeRequest
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
) -> Iterator[DecodedChunk]:
    """Decode series in their order; a series over a quarter of the budget comes in parts.

    `budget` bounds the bytes of decoded slices, those that the caller still holds included, and
    `max_file_bytes` the stored values of the NIfTI volumes that all workers together have in
    memory.
    """
    underway: deque[_Underway] = deque()
    for order in (o for series in waiting for o in _decode_requests(series, budget // 4)):
        while underway and (
            len(underway) >= _PARCELS_AHEAD_PER_WORKER * pool.processes
            or not order.can_start
            or held() + sum(u.order.n_bytes for u in underway) + order.n_bytes > budget
            or not _volume_fits(order, [u.order.series for u in underway], max_file_bytes)
        ):
            yield _decoded_chunk(pool, underway.popleft())
        underway.append(_submit(pool, order, max_file_bytes))
    while underway:
        yield _decoded_chunk(pool, underway.popleft())


def load_some(
    pool: WorkerPool, series: Series, refs: Sequence[SliceRef], max_file_bytes: int
) -> dict[int, FloatArray]:
    """Decode a few slices of a series again; what cannot be read any more is left out."""
    order = _DecodeRequest(series, tuple(refs), first=True, last=True)
    chunk = _decoded_chunk(pool, _submit(pool, order, max_file_bytes, again=True))
    return {
        ref.index: pixels
        for ref, pixels in zip(chunk.refs, chunk.decoded, strict=True)
        if not isinstance(pixels, Refusal)
    }


def _decode_requests(series: Series, most_bytes: int) -> Iterator[_DecodeRequest]:
    refs = series.slices
    step = max(1, most_bytes // max(1, n_bytes(series, 1)))
    in_parts = step < len(refs) and len({ref.path for ref in refs}) == 1
    volume = _Volume() if series.format == "nifti" and in_parts else None
    for start in range(0, len(refs), step):
        part = refs[start : start + step]
        yield _DecodeRequest(series, part, start == 0, start + step >= len(refs), volume)


def _volume_fits(order: _DecodeRequest, underway: Sequence[Series], most_bytes: int) -> bool:
    """Whether the volume of an order may be in memory together with those underway."""
    needed = _stored_bytes(order.series)
    others = {series.key: series for series in underway}
    if needed == 0 or order.series.key in others:
        return True
    return needed + sum(map(_stored_bytes, others.values())) <= most_bytes


def _stored_bytes(series: Series) -> int:
    """The most memory that the stored values of a NIfTI series take while it is decoded."""
    if series.format != "nifti":
        return 0
    return len(series.slices) * series.rows * series.columns * _MOST_BYTES_STORED


def _submit(
    pool: WorkerPool, order: _DecodeRequest, max_file_bytes: int, *, again: bool = False
) -> _Underway:
    series, volume = order.series, order.volume
    if volume is not None and volume.refusal is not None:
        return _Underway(order, ())
    files = [
        DecodeTask(
            format=series.format,
            path=path,
            frames=tuple(ref.frame for ref in refs),
            tiles=tuple(ref.tile for ref in refs),
            slice_axis=series.slice_axis,
            display=series.display,
            max_bytes=max_file_bytes,
            shared=volume.path() if volume else "",
            again=again,
        )
        for path, group in groupby(order.refs, key=lambda ref: ref.path)
        for refs in (tuple(group),)
    ]
    chunks = [files[i : i + _FILES_PER_TASK] for i in range(0, len(files), _FILES_PER_TASK)]
    tasks = tuple(pool.submit(decode_many, chunk, unreadable=Reason.BAD_PIXELS) for chunk in chunks)
    return _Underway(order, tasks)


def _decoded_chunk(pool: WorkerPool, underway: _Underway) -> DecodedChunk:
    order, volume = underway.order, underway.order.volume
    decoded: list[FloatArray | Refusal] = []
    flags: set[str] = set()
    for found in _gathered(pool, underway.tasks):
        decoded += found.slices
        flags.update(found.flags)
        if volume is not None and order.first:
            volume.is_read, volume.refusal = True, found.refusal
    if volume is not None and volume.refusal is not None:
        decoded = [volume.refusal] * len(order.refs)
    if volume is not None and order.last:
        volume.close()
    return DecodedChunk(order.series, order.refs, tuple(decoded), order.last, frozenset(flags))


def _gathered(pool: WorkerPool, tasks: Iterable[Task[DecodeTask, Decoded]]) -> Iterator[Decoded]:
    for task in tasks:
        gathered = pool.gather(task)
        for item, outcome in zip(task.items, gathered, strict=True):
            if isinstance(outcome, Lost):
                refusal = Refusal(outcome.reason, outcome.detail)
                yield Decoded((refusal,) * len(item.frames), refusal)
            else:
                yield outcome
