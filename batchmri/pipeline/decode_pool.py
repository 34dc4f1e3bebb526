"""Decoding of series in worker processes, ahead of the network, within a fixed memory budget."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from batchmri.formats.decode import Decoded, DecodeTask, Refusal, decode_many
from batchmri.formats.registry import readers
from batchmri.pipeline.shared_file import SharedFile
from batchmri.pipeline.worker_pool import Lost, Pool, Task
from batchmri.reasons import Reason
from batchmri.records import FloatArray, Series, SliceRef

_BYTES_PER_PIXEL = 4
_MAX_STORED_BYTES_PER_VOXEL = 8
_FILES_PER_TASK = 8
_REQUESTS_AHEAD_PER_WORKER = 4


@dataclass(frozen=True, slots=True)
class DecodedChunk:
    """Some or all slices of a series, decoded.

    `last` marks the last chunk of the series; `flags` were set during decoding.
    """

    series: Series
    refs: tuple[SliceRef, ...]
    decoded: tuple[FloatArray | Refusal, ...]
    last: bool
    flags: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Volume:
    """A volume that is decoded in several requests; the first one reads it for all."""

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
class _InFlight:
    request: _DecodeRequest
    tasks: tuple[Task[DecodeTask, Decoded], ...]


def n_bytes(series: Series, n_slices: int) -> int:
    """Memory in bytes that `n_slices` decoded slices of a series need."""
    return n_slices * series.rows * series.columns * _BYTES_PER_PIXEL


def load(
    pool: Pool,
    waiting: Iterable[Series],
    *,
    budget: int,
    max_file_bytes: int,
    held: Callable[[], int],
) -> Iterator[DecodedChunk]:
    """Decode series in order; a series larger than a quarter of the budget is split into chunks.

    `budget` limits the bytes of decoded slices, including those that the caller still keeps
    (`held`). `max_file_bytes` limits the stored values of all volumes that the workers have
    in memory at the same time.
    """
    in_flight: deque[_InFlight] = deque()
    for request in (r for series in waiting for r in _decode_requests(series, budget // 4)):
        while in_flight and (
            len(in_flight) >= _REQUESTS_AHEAD_PER_WORKER * pool.processes
            or not request.can_start
            or held() + sum(f.request.n_bytes for f in in_flight) + request.n_bytes > budget
            or not _volume_fits(request, [f.request.series for f in in_flight], max_file_bytes)
        ):
            yield _decoded_chunk(pool, in_flight.popleft())
        in_flight.append(_submit(pool, request, max_file_bytes))
    while in_flight:
        yield _decoded_chunk(pool, in_flight.popleft())


def load_some(
    pool: Pool, series: Series, refs: Sequence[SliceRef], max_file_bytes: int
) -> dict[int, FloatArray]:
    """Decode a few slices of a series again; slices that can no longer be read are omitted."""
    request = _DecodeRequest(series, tuple(refs), first=True, last=True)
    chunk = _decoded_chunk(pool, _submit(pool, request, max_file_bytes, again=True))
    return {
        ref.index: pixels
        for ref, pixels in zip(chunk.refs, chunk.decoded, strict=True)
        if not isinstance(pixels, Refusal)
    }


def _decode_requests(series: Series, max_bytes: int) -> Iterator[_DecodeRequest]:
    refs = series.slices
    step = max(1, max_bytes // max(1, n_bytes(series, 1)))
    in_parts = step < len(refs) and len({ref.path for ref in refs}) == 1
    volume = _Volume() if in_parts and _is_read_whole(series) else None
    for start in range(0, len(refs), step):
        part = refs[start : start + step]
        yield _DecodeRequest(series, part, start == 0, start + step >= len(refs), volume)


def _volume_fits(request: _DecodeRequest, in_flight: Sequence[Series], max_bytes: int) -> bool:
    """Whether the volume of a request fits into memory together with the volumes in flight."""
    needed = _stored_bytes(request.series)
    others = {series.key: series for series in in_flight}
    if needed == 0 or request.series.key in others:
        return True
    return needed + sum(map(_stored_bytes, others.values())) <= max_bytes


def _is_read_whole(series: Series) -> bool:
    return readers()[series.format].reads_whole_file


def _stored_bytes(series: Series) -> int:
    """Maximum memory of the stored values of a volume during decoding; 0 if read slice by slice."""
    if not _is_read_whole(series):
        return 0
    return len(series.slices) * series.rows * series.columns * _MAX_STORED_BYTES_PER_VOXEL


def _submit(
    pool: Pool, request: _DecodeRequest, max_file_bytes: int, *, again: bool = False
) -> _InFlight:
    series, volume = request.series, request.volume
    if volume is not None and volume.refusal is not None:
        return _InFlight(request, ())
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
        for path, group in groupby(request.refs, key=lambda ref: ref.path)
        for refs in (tuple(group),)
    ]
    chunks = [files[i : i + _FILES_PER_TASK] for i in range(0, len(files), _FILES_PER_TASK)]
    tasks = tuple(pool.submit(decode_many, chunk, unreadable=Reason.BAD_PIXELS) for chunk in chunks)
    return _InFlight(request, tasks)


def _decoded_chunk(pool: Pool, in_flight: _InFlight) -> DecodedChunk:
    request, volume = in_flight.request, in_flight.request.volume
    decoded: list[FloatArray | Refusal] = []
    flags: set[str] = set()
    for found in _results(pool, in_flight.tasks):
        decoded += found.slices
        flags.update(found.flags)
        if volume is not None and request.first:
            volume.is_read, volume.refusal = True, found.refusal
    if volume is not None and volume.refusal is not None:
        decoded = [volume.refusal] * len(request.refs)
    if volume is not None and request.last:
        volume.close()
    return DecodedChunk(
        request.series, request.refs, tuple(decoded), request.last, frozenset(flags)
    )


def _results(pool: Pool, tasks: Iterable[Task[DecodeTask, Decoded]]) -> Iterator[Decoded]:
    for task in tasks:
        gathered = pool.gather(task)
        for item, outcome in zip(task.items, gathered, strict=True):
            if isinstance(outcome, Lost):
                refusal = Refusal(outcome.reason, outcome.detail)
                yield Decoded((refusal,) * len(item.frames), refusal)
            else:
                yield outcome
