"""Decoding and preparation of series in workers, ahead of the network, within a memory budget."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from batchmri.formats.decode import DecodeTask, Refusal, decode_many
from batchmri.formats.registry import readers
from batchmri.pipeline.engines.prepared_slices import (
    PreparedFile,
    PreparedSlice,
    PrepareTask,
    SharedPixels,
    SliceMemory,
    prepare_files,
)
from batchmri.pipeline.engines.worker_pool import Lost, Pool, Task
from batchmri.preparation.transforms import PreparationSettings
from batchmri.reasons import Reason
from batchmri.records import FloatArray, Series, SliceRef
from batchmri.shared_file import SharedFile

_BYTES_PER_PIXEL = 4
_MAX_STORED_BYTES_PER_VOXEL = 8
_FILES_PER_TASK = 8
_REQUESTS_AHEAD_PER_WORKER = 4


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """Some or all slices of a series, prepared.

    `last` marks the last chunk of the series; `flags` were set during decoding.
    """

    series: Series
    refs: tuple[SliceRef, ...]
    prepared: tuple[PreparedSlice | Refusal, ...]
    last: bool
    flags: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Volume:
    """A volume that is decoded in several requests; the first one reads it for all."""

    memory: SharedFile | None = None
    is_read: bool = False
    refusal: Refusal | None = None

    def address(self) -> str:
        self.memory = self.memory or SharedFile()
        return self.memory.address

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
    memory: SliceMemory
    tasks: tuple[Task[PrepareTask, PreparedFile], ...] = ()


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
    preparation: PreparationSettings,
    keep_pixels: bool,
) -> Iterator[PreparedChunk]:
    """Prepare series in order; a series larger than a quarter of the budget is split into chunks.

    `budget` limits the bytes of decoded slices, including those that the caller still keeps
    (`held`). `max_file_bytes` limits the stored values of all volumes that the workers have
    in memory at the same time. With `keep_pixels`, chunks also contain the decoded slices.
    """
    in_flight: deque[_InFlight] = deque()
    for request in (r for series in waiting for r in _decode_requests(series, budget // 4)):
        while in_flight and (
            len(in_flight) >= _REQUESTS_AHEAD_PER_WORKER * pool.processes
            or not request.can_start
            or held() + sum(f.request.n_bytes for f in in_flight) + request.n_bytes > budget
            or not _volume_fits(request, [f.request.series for f in in_flight], max_file_bytes)
        ):
            yield _prepared_chunk(pool, in_flight.popleft())
        in_flight.append(_submit(pool, request, max_file_bytes, preparation, keep_pixels))
    while in_flight:
        yield _prepared_chunk(pool, in_flight.popleft())


def load_some(
    pool: Pool, series: Series, refs: Sequence[SliceRef], max_file_bytes: int
) -> dict[int, FloatArray]:
    """Decode a few slices of a series again; slices that can no longer be read are omitted."""
    tasks = _decode_tasks(series, refs, max_file_bytes, again=True)
    found: dict[int, FloatArray] = {}
    for task, part in zip(tasks, _parts(refs), strict=True):
        (decoded,) = pool.gather(pool.submit(decode_many, (task,), unreadable=Reason.BAD_PIXELS))
        slices = () if isinstance(decoded, Lost) else decoded.slices
        for ref, pixels in zip(part, slices, strict=False):
            if not isinstance(pixels, Refusal):
                found[ref.index] = pixels
    return found


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


def _parts(refs: Sequence[SliceRef]) -> Iterator[tuple[SliceRef, ...]]:
    """The slices of each file."""
    for _, group in groupby(refs, key=lambda ref: ref.path):
        yield tuple(group)


def _decode_tasks(
    series: Series,
    refs: Sequence[SliceRef],
    max_file_bytes: int,
    shared: str = "",
    *,
    again: bool = False,
) -> list[DecodeTask]:
    return [
        DecodeTask(
            format=series.format,
            path=part[0].path,
            frames=tuple(ref.frame for ref in part),
            tiles=tuple(ref.tile for ref in part),
            slice_axis=series.slice_axis,
            display=series.display,
            max_bytes=max_file_bytes,
            shared=shared,
            again=again,
        )
        for part in _parts(refs)
    ]


def _submit(
    pool: Pool,
    request: _DecodeRequest,
    max_file_bytes: int,
    preparation: PreparationSettings,
    keep_pixels: bool,
) -> _InFlight:
    series, refs, volume = request.series, request.refs, request.volume
    slot = n_bytes(series, 1) if keep_pixels else 0
    memory = SliceMemory.allocate(len(refs), preparation.size, slot)
    if volume is not None and volume.refusal is not None:
        return _InFlight(request, memory)
    files: list[PrepareTask] = []
    first = 0
    for task in _decode_tasks(series, refs, max_file_bytes, volume.address() if volume else ""):
        files.append(PrepareTask(task, first))
        first += len(task.frames)
    run = partial(
        prepare_files,
        decode=decode_many,
        # A copy does not own the memory: the pool keeps its last task for an unknown time.
        memory=replace(memory, file=copy(memory.file)),
        spacing=series.shown_spacing,
        settings=preparation,
    )
    chunks = [files[i : i + _FILES_PER_TASK] for i in range(0, len(files), _FILES_PER_TASK)]
    tasks = tuple(pool.submit(run, chunk, unreadable=Reason.BAD_PIXELS) for chunk in chunks)
    return _InFlight(request, memory, tasks)


def _prepared_chunk(pool: Pool, in_flight: _InFlight) -> PreparedChunk:
    request, volume = in_flight.request, in_flight.request.volume
    slices: list[PreparedSlice | Refusal] = []
    flags: set[str] = set()
    memory, images = in_flight.memory, in_flight.memory.images()
    for found in _results(pool, in_flight.tasks):
        for stored in found.slices:
            index = len(slices)
            if isinstance(stored, Refusal):
                slices.append(stored)
                continue
            start = memory.pixels_start(index)
            pixels = SharedPixels(memory.file, start, stored.shape) if memory.slot else None
            slices.append(PreparedSlice(images[index], stored.box, stored.flags, pixels))
        flags.update(found.flags)
        if volume is not None and request.first:
            volume.is_read, volume.refusal = True, found.refusal
    if volume is not None and volume.refusal is not None:
        slices = [volume.refusal] * len(request.refs)
    if volume is not None and request.last:
        volume.close()
    return PreparedChunk(
        request.series, request.refs, tuple(slices), request.last, frozenset(flags)
    )


def _results(
    pool: Pool, tasks: Iterable[Task[PrepareTask, PreparedFile]]
) -> Iterator[PreparedFile]:
    for task in tasks:
        gathered = pool.gather(task)
        for item, outcome in zip(task.items, gathered, strict=True):
            if isinstance(outcome, Lost):
                refusal = Refusal(outcome.reason, outcome.detail)
                yield PreparedFile((refusal,) * len(item.frames), refusal)
            else:
                yield outcome
