"""Commits of finished series in groups."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from batchmri.errors import InterruptedRunError
from batchmri.pipeline import commits
from batchmri.pipeline.commits import Commits, Committed
from batchmri.pipeline.engines.base import FinishedSeries
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.records import SeriesResult
from batchmri.state.series import Trouble
from tests.outputs.records import classified


class Recorder:
    """Stands for the store, its series, the clock, and what is announced."""

    def __init__(self) -> None:
        self.series = self
        self.events: list[str] = []
        self.now_s = 100.0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield
        self.events.append("commit")

    def put_result(self, result: SeriesResult, *_: object) -> int:
        self.events.append(f"put {result.detail}")
        return 3

    def announce(self, group: Sequence[Committed]) -> None:
        self.events += [f"announce {one.result.detail} {tries}" for one, tries in group]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(commits.time, "monotonic", lambda: recorder.now_s)
    return recorder


def series(name: str, trouble: Trouble = Trouble.NONE) -> FinishedSeries:
    return FinishedSeries(replace(classified(), detail=name), trouble=trouble)


def opened(recorder: Recorder, stop: Shutdown | None = None) -> Commits:
    return Commits(recorder, stop or Shutdown(), recorder.announce)  # type: ignore[arg-type]


GROUP = ["put a", "put b", "commit", "announce a 3", "announce b 3"]


def test_series_are_committed_together_and_announced_afterwards(recorder: Recorder) -> None:
    with opened(recorder) as group:
        group.add(series("a"))
        group.add(series("b"))
        assert recorder.events == []
    assert recorder.events == GROUP


def test_a_group_is_committed_a_second_after_its_first_series(recorder: Recorder) -> None:
    stop = Shutdown()
    with opened(recorder, stop) as group:
        for name, now_s in (("a", 100.0), ("b", 100.9)):
            recorder.now_s = now_s
            group.add(series(name))
        stop.check()
        assert recorder.events == []
        recorder.now_s = 101.0
        stop.check()  # while the engine waits for its workers
        assert recorder.events == GROUP
        group.add(series("c"))
        recorder.now_s = 102.5
        group.add(series("d"))
        assert recorder.events[5:7] == ["put c", "put d"]
    assert recorder.events.count("commit") == 2
    stop.check()


def test_a_full_group_is_committed(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "MAX_SERIES", 2)
    with opened(recorder) as group:
        group.add(series("a"))
        assert recorder.events == []
        group.add(series("b"))
        assert recorder.events == GROUP


def test_a_series_that_failed_is_committed_at_once(recorder: Recorder) -> None:
    with opened(recorder) as group:
        group.add(series("a"))
        group.add(series("b", Trouble.TEMPORARY))
        assert recorder.events == GROUP


@pytest.mark.parametrize("error", [InterruptedRunError(15), KeyboardInterrupt(), OSError("disk")])
def test_finished_series_are_committed_after_an_exception(
    recorder: Recorder, error: BaseException
) -> None:
    def interrupted(add: Callable[[FinishedSeries], None]) -> None:
        add(series("a"))
        add(series("b"))
        raise error

    with pytest.raises(type(error)), opened(recorder) as group:
        interrupted(group.add)
    assert recorder.events == GROUP
