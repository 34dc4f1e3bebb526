import numpy as np
import pytest

from batchmri.pipeline.engines.batcher import Batcher


class Recording:
    """A backend that returns the mean of each slice as its map and records its inputs."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.batches: set[int] = set()
        self.last_sum = 0.0
        self.bias = np.zeros(1, np.float32)
        self.shapes: list[tuple[int, ...]] = []

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.shapes.append(batch.shape)
        self.batches.add(batch.ctypes.data)
        self.last_sum = float(batch.sum())
        means = batch.mean((1, 2, 3))
        return means[:, None, None, None], means[:, None]


@pytest.mark.parametrize("n", [1, 4, 5, 23])
def test_every_slice_comes_back_once_in_order_from_full_batches(n: int) -> None:
    backend = Recording(batch_size=4)
    found = []
    with Batcher[int](backend) as batcher:
        for tag in range(n):
            found += batcher.put(np.full((1, 2, 2), tag, np.float32), tag)
        found += batcher.finish()
    assert [c.tag for c in found] == list(range(n))
    assert [float(c.maps[0, 0, 0]) for c in found] == list(range(n))
    sizes = [4] * (n // 4) + [n % 4] * (n % 4 > 0)
    assert backend.shapes == [(size, 1, 2, 2) for size in sizes]


def test_memory_of_batches_is_used_again() -> None:
    backend = Recording(batch_size=4)
    with Batcher[int](backend) as batcher:
        for tag in range(41):
            list(batcher.put(np.full((1, 2, 2), 1 + tag, np.float32), tag))
        list(batcher.finish())
    assert len(backend.shapes) == 11 and len(backend.batches) <= 4
    assert backend.last_sum == 4 * 41, "one slice, and nothing of earlier batches"


def test_without_slices_the_backend_is_not_run() -> None:
    backend = Recording(batch_size=4)
    with Batcher[int](backend) as batcher:
        assert list(batcher.finish()) == []
    assert backend.shapes == []


def test_an_error_of_the_backend_is_raised() -> None:
    class Broken(Recording):
        def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            raise RuntimeError("no memory")

    with Batcher[int](Broken(1)) as batcher:
        list(batcher.put(np.zeros((1, 2, 2), np.float32), 0))
        with pytest.raises(RuntimeError, match="no memory"):
            list(batcher.finish())
