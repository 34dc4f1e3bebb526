"""Commits of finished series in groups, because each commit waits for the disk."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from batchmri.pipeline.engines.base import FinishedSeries
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.state.series import Trouble
from batchmri.state.store import Store

MAX_SERIES = 64
MAX_WAIT_S = 1.0


Committed = tuple[FinishedSeries, int]
"""A series whose result is in the state, and the number of runs in which it has failed."""


class Commits:
    """Context manager that commits finished series in groups, and all of them at its end.

    A group is committed when it has `MAX_SERIES` series, `MAX_WAIT_S` after its first series, and
    at once if a series failed. `on_commit` then receives it, so that no result is announced that a
    kill could lose. A kill loses the work of about a second, which the next run repeats.
    """

    def __init__(
        self, store: Store, stop: Shutdown, on_commit: Callable[[Sequence[Committed]], None]
    ) -> None:
        self._store = store
        self._stop = stop
        self._on_commit = on_commit
        self._group: list[FinishedSeries] = []
        self._first_s = 0.0

    def __enter__(self) -> Self:
        self._stop.while_waiting = self._commit_if_due
        return self

    def add(self, finished: FinishedSeries) -> None:
        """Add a series to the group, and commit the group if it is due."""
        if not self._group:
            self._first_s = time.monotonic()
        self._group.append(finished)
        if finished.trouble is not Trouble.NONE or len(self._group) >= MAX_SERIES:
            self._commit()
        self._commit_if_due()

    def _commit_if_due(self) -> None:
        if self._group and time.monotonic() >= self._first_s + MAX_WAIT_S:
            self._commit()

    def _commit(self) -> None:
        group, self._group = self._group, []
        if not group:
            return
        with self._store.transaction():
            tries = [
                self._store.series.put_result(
                    one.result, one.result.series.fingerprint, one.left_out, one.trouble
                )
                for one in group
            ]
        self._on_commit(list(zip(group, tries, strict=True)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._stop.while_waiting = lambda: None
        self._commit()
