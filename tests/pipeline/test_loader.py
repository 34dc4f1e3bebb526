from collections.abc import Iterator
from pathlib import Path

import pytest

from batchmri.archive import HeaderContext, assemble, read_headers
from batchmri.pipeline.loader import load, load_some, n_bytes
from batchmri.pipeline.workers import WorkerPool
from batchmri.pixels import Refusal
from batchmri.records import FileEntry, Series
from tests.pipeline.builders import write_series


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(2, timeout_s=60) as made:
        yield made


def series_of(folder: Path, name: str, n: int) -> Series:
    paths = write_series(folder / name, "study", name, n=n)
    entries = [FileEntry(p.name, str(p), p.stat().st_size, 0) for p in paths]
    (study,) = assemble(read_headers(entries, HeaderContext(b"key")), {})
    return study.series[0]


def test_series_come_in_their_order_and_whole(tmp_path: Path, pool: WorkerPool) -> None:
    many = [series_of(tmp_path, f"s{i}", 12) for i in range(6)]
    parcels = list(load(pool, many, budget=1 << 30, max_file_bytes=1 << 30, held=lambda: 0))
    assert [p.series.key for p in parcels] == [s.key for s in many]
    assert all(p.last and p.refs == p.series.slices for p in parcels)
    assert not any(isinstance(d, Refusal) for p in parcels for d in p.decoded)


def test_no_more_is_read_ahead_than_the_budget_holds(tmp_path: Path, pool: WorkerPool) -> None:
    many = [series_of(tmp_path, f"s{i}", 8) for i in range(6)]
    one = n_bytes(many[0], 8)
    asked = 0

    def counted() -> Iterator[Series]:
        nonlocal asked
        for series in many:
            asked += 1
            yield series

    kept: list[int] = []
    parcels = load(pool, counted(), budget=4 * one, max_file_bytes=1 << 30, held=lambda: sum(kept))
    for number, _ in enumerate(parcels):
        # Nothing is given back: what is held and what is under way never pass the budget
        # by more than the series that waits for its place.
        assert asked - number <= 5
        kept.append(one)


def test_a_series_over_a_quarter_of_the_budget_comes_in_parts(
    tmp_path: Path, pool: WorkerPool
) -> None:
    series = series_of(tmp_path, "long", 10)
    budget = 4 * n_bytes(series, 3)
    parcels = list(load(pool, [series], budget=budget, max_file_bytes=1 << 30, held=lambda: 0))
    assert [len(p.refs) for p in parcels] == [3, 3, 3, 1]
    assert [p.last for p in parcels] == [False, False, False, True]
    again = load_some(pool, series, series.slices[4:5], 1 << 30)
    (index,) = again
    assert index == 4
    assert (again[4] == parcels[1].decoded[1]).all()
