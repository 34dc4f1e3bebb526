import gc
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from batchmri.archive.assembly import assemble
from batchmri.formats.decode import Decoded, DecodeTask, Refusal, decode_many
from batchmri.formats.read_headers import HeaderContext, read_headers
from batchmri.pipeline.engines.decode_pool import load, load_some, n_bytes
from batchmri.pipeline.engines.prepared_slices import PreparedSlice, PrepareTask
from batchmri.pipeline.engines.worker_pool import Task, WorkerPool
from batchmri.preparation.transforms import PreparationSettings, prepare
from batchmri.reasons import Reason
from batchmri.records import FileEntry, Series
from tests.pipeline.builders import write_series

SETTINGS = PreparationSettings(size=64)
PREPARED: dict[str, Any] = {"preparation": SETTINGS, "keep_pixels": True}


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(2, timeout_s=60) as made:
        yield made


def series_of(folder: Path, name: str, n: int) -> Series:
    paths = write_series(folder / name, "study", name, n=n)
    entries = [FileEntry(p.name, str(p), p.stat().st_size, 0) for p in paths]
    (study,) = assemble(read_headers(entries, HeaderContext(b"key")), {})
    return study.series[0]


def test_series_are_decoded_in_order_and_complete(tmp_path: Path, pool: WorkerPool) -> None:
    many = [series_of(tmp_path, f"s{i}", 12) for i in range(6)]
    chunks = list(
        load(pool, many, budget=1 << 30, max_file_bytes=1 << 30, held=lambda: 0, **PREPARED)
    )
    assert [p.series.key for p in chunks] == [s.key for s in many]
    assert all(p.last and p.refs == p.series.slices for p in chunks)
    assert not any(isinstance(d, Refusal) for p in chunks for d in p.prepared)


def test_reading_ahead_stays_within_the_budget(tmp_path: Path, pool: WorkerPool) -> None:
    many = [series_of(tmp_path, f"s{i}", 8) for i in range(6)]
    one = n_bytes(many[0], 8)
    n_taken = 0

    def counted() -> Iterator[Series]:
        nonlocal n_taken
        for series in many:
            n_taken += 1
            yield series

    kept: list[int] = []
    chunks = load(
        pool, counted(), budget=4 * one, max_file_bytes=1 << 30, held=lambda: sum(kept), **PREPARED
    )
    for number, _ in enumerate(chunks):
        # Slices are never released: held and in-flight slices never exceed the budget
        # by more than the next series.
        assert n_taken - number <= 5
        kept.append(one)


def test_a_series_over_a_quarter_of_the_budget_is_split(tmp_path: Path, pool: WorkerPool) -> None:
    series = series_of(tmp_path, "long", 10)
    budget = 4 * n_bytes(series, 3)
    chunks = list(
        load(pool, [series], budget=budget, max_file_bytes=1 << 30, held=lambda: 0, **PREPARED)
    )
    assert [len(p.refs) for p in chunks] == [3, 3, 3, 1]
    assert [p.last for p in chunks] == [False, False, False, True]
    again = load_some(pool, series, series.slices[4:5], 1 << 30)
    (index,) = again
    assert index == 4
    assert (again[4] == chunks[1].prepared[1].pixels.read()).all()


def nifti_series(
    folder: Path, values: np.ndarray, name: str = "t1.nii.gz", tail: bytes = b""
) -> Series:
    path = folder / name
    nibabel.save(nibabel.Nifti1Image(values, np.diag([2.0, 2.0, 5.0, 1.0])), path)
    path.write_bytes(path.read_bytes() + tail)
    entry = FileEntry(path.name, str(path), path.stat().st_size, 0)
    (study,) = assemble(read_headers([entry], HeaderContext(b"key")), {})
    return study.series[0]


class Recorder:
    """A pool that records its tasks and, at each submission, the files in flight."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool, self.processes = pool, pool.processes
        self.tasks: list[PrepareTask] = []
        self.waiting: list[set[str]] = []
        self._open: list[str] = []

    def submit(self, function: object, items: Sequence[PrepareTask], **options: object) -> Task:
        self.tasks += items
        self._open += [item.path for item in items]
        self.waiting.append(set(self._open))
        return self._pool.submit(function, items, **options)

    def gather(self, task: Task) -> Iterator:
        for item in task.items:
            self._open.remove(item.path)
        return self._pool.gather(task)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3000, shape, np.int16)


def test_a_large_volume_is_read_once_for_all_its_parts(tmp_path: Path, pool: WorkerPool) -> None:
    values = noise(40, 30, 10)
    series = nifti_series(tmp_path, values, tail=b"junk")
    recorder = Recorder(pool)
    budget = 4 * n_bytes(series, 3)
    chunks = list(
        load(recorder, [series], budget=budget, max_file_bytes=1 << 20, held=lambda: 0, **PREPARED)
    )
    assert [len(p.refs) for p in chunks] == [3, 3, 3, 1]
    (shared,) = {task.decode.shared for task in recorder.tasks}
    assert shared and not Path(shared).exists(), "given back"
    assert [p.flags for p in chunks] == [{"trailing_bytes"}, set(), set(), set()]
    shown = [d.pixels.read() for p in chunks for d in p.prepared]
    stored = sorted(tuple(sorted(values[:, :, k].ravel())) for k in range(10))
    assert sorted(tuple(sorted(image.ravel().astype(int))) for image in shown) == stored
    again = load_some(pool, series, series.slices[4:5], 1 << 20)
    assert (again[4] == shown[4]).all()


def test_further_parts_of_a_refused_volume_are_not_decoded(
    tmp_path: Path, pool: WorkerPool
) -> None:
    mask = np.zeros((40, 30, 10), np.int16)
    mask[5:9, 5:9] = 1
    series = nifti_series(tmp_path, mask)
    recorder = Recorder(pool)
    budget = 4 * n_bytes(series, 3)
    chunks = list(
        load(recorder, [series], budget=budget, max_file_bytes=1 << 20, held=lambda: 0, **PREPARED)
    )
    assert len(recorder.tasks) == 1
    refusals = [d for p in chunks for d in p.prepared]
    assert [r.reason for r in refusals] == [Reason.LABEL_MAP] * 10


@pytest.mark.parametrize(("volumes", "together"), [(1, 1), (3, 3)])
def test_volumes_of_all_workers_share_the_limit(
    tmp_path: Path, pool: WorkerPool, volumes: int, together: int
) -> None:
    many = [nifti_series(tmp_path, noise(20, 20, 10), f"{n}.nii.gz") for n in range(5)]
    recorder = Recorder(pool)
    limit = volumes * 20 * 20 * 10 * 8
    chunks = list(
        load(recorder, many, budget=1 << 30, max_file_bytes=limit, held=lambda: 0, **PREPARED)
    )
    assert max(map(len, recorder.waiting)) == together
    assert [p.series.key for p in chunks] == [s.key for s in many]
    assert not any(isinstance(d, Refusal) for p in chunks for d in p.prepared)


@pytest.mark.parametrize("keep_pixels", [True, False])
def test_slices_are_prepared_as_in_this_process(
    tmp_path: Path, pool: WorkerPool, keep_pixels: bool
) -> None:
    series = series_of(tmp_path, "s", 11)
    options = PREPARED | {"keep_pixels": keep_pixels}
    (chunk,) = load(
        pool, [series], budget=1 << 30, max_file_bytes=1 << 30, held=lambda: 0, **options
    )
    decoded = load_some(pool, series, series.slices, 1 << 30)
    expected = prepare(np.stack(list(decoded.values())), series.shown_spacing, SETTINGS)
    for index, found in enumerate(chunk.prepared):
        assert isinstance(found, PreparedSlice)
        assert np.array_equal(found.image, expected.pixels[index])
        assert found.box == expected.boxes[index]
        if found.pixels is None:
            assert not keep_pixels
        else:
            assert np.array_equal(found.pixels.read(), decoded[index])


def test_shared_memory_is_freed_with_its_last_view(tmp_path: Path, pool: WorkerPool) -> None:
    series = series_of(tmp_path, "s", 3)
    (chunk,) = load(
        pool, [series], budget=1 << 30, max_file_bytes=1 << 30, held=lambda: 0, **PREPARED
    )
    first = chunk.prepared[0]
    assert isinstance(first, PreparedSlice) and first.pixels is not None
    image, file = first.image, weakref.ref(first.pixels.memory)
    assert "memfd:batchmri" in Path("/proc/self/maps").read_text()
    del chunk, first
    gc.collect()
    assert file() is None and image.std() > 0.1
    del image
    assert "memfd:batchmri" not in Path("/proc/self/maps").read_text()


def larger_than_declared(tasks: Sequence[DecodeTask]) -> list[Decoded]:
    """Decode files whose image is larger than their header said."""
    return [Decoded((np.ones((99, 99), np.float32),)) for _ in decode_many(tasks)]


def test_a_slice_larger_than_its_header_said_is_refused(
    tmp_path: Path, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmri.pipeline.engines.decode_pool.decode_many", larger_than_declared)
    series = series_of(tmp_path, "s", 2)
    (chunk,) = load(
        pool, [series], budget=1 << 30, max_file_bytes=1 << 30, held=lambda: 0, **PREPARED
    )
    refusals = [found for found in chunk.prepared if isinstance(found, Refusal)]
    assert [refusal.reason for refusal in refusals] == [Reason.BAD_PIXELS] * 2
