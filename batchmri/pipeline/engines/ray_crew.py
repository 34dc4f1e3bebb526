"""The actors of the engine `ray`, their calls in flight, and the handling of actors that end.

The same actors do one kind of work after the other: `begin` starts the next kind.

An actor that ended is replaced. The items that it had are tried again, each alone in an actor, so
that only the item that ends actors is given up.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from batchmri.errors import BatchmriError

Item = TypeVar("Item")
MAX_ACTOR_DEATHS = 3  # per item
_POLL_S = 0.1
# If this many actors ended before the first one returned a result, the cluster cannot run them.
_MAX_DEATHS_AT_START = 10


class ClusterError(BatchmriError):
    """A cluster that cannot run the actors."""


@dataclass(slots=True)
class _Job(Generic[Item]):
    """An item to process; `deaths` counts the actors that ended while they had it."""

    item: Item
    deaths: int = 0


@dataclass(slots=True)
class _Slot(Generic[Item]):
    """An actor, the call that returns when it has started, and its calls in flight."""

    actor: Any
    starting: Any
    n_workers: int = 0
    running: dict[Any, _Job[Item]] = field(default_factory=dict)
    alone: bool = False


class Crew(Generic[Item]):
    """Actors that process items; `new_actor` starts one.

    The method `ready` of an actor returns the number of its worker processes.
    """

    def __init__(self, ray: Any, n_actors: int, new_actor: Callable[[], Any]) -> None:
        self._ray = ray
        self._new_actor = new_actor
        self._again: deque[_Job[Item]] = deque()
        self._exhausted = False
        self._ahead: Callable[[int], int] = int
        self._n_deaths = 0
        self._n_results = 0
        self._slots = [self._slot() for _ in range(n_actors)]

    def _slot(self) -> _Slot[Item]:
        actor = self._new_actor()
        return _Slot(actor, actor.ready.remote())

    def begin(self, ahead: Callable[[int], int]) -> None:
        """Prepare for other items; `ahead(n_workers)` of an actor may be in flight."""
        self._exhausted, self._ahead = False, ahead

    def give_work(self, items: Iterator[Item], call: Callable[[Any, Item], Any]) -> bool:
        """Give work to actors that have started; returns whether anything is left to do."""
        started = [slot for slot in self._slots if slot.starting is None]
        for slot in started:
            if self._again and not slot.running:
                slot.alone = True
                job = self._again.popleft()
                slot.running[call(slot.actor, job.item)] = job
        # One item after the other, so that the last items are spread over all actors.
        while not self._exhausted and (free := self._least_busy(started)) is not None:
            for item in items:
                free.running[call(free.actor, item)] = _Job(item)
                break
            else:
                self._exhausted = True
        return bool(self._again or not self._exhausted or any(s.running for s in self._slots))

    def _least_busy(self, started: Sequence[_Slot[Item]]) -> _Slot[Item] | None:
        """The actor with the fewest calls in flight that may get another one."""
        ready = [
            slot
            for slot in started
            if not slot.alone and len(slot.running) < self._ahead(slot.n_workers)
        ]
        return min(ready, key=lambda slot: len(slot.running), default=None)

    def collect(self) -> Iterator[tuple[Item, Any]]:
        """Wait for a moment, and yield items that are finished, with their results.

        Raises the exception of a call, and ClusterError if no actor can work.
        """
        calls = {ref: slot for slot in self._slots for ref in slot.running}
        starting = {slot.starting: slot for slot in self._slots if slot.starting is not None}
        done, _ = self._ray.wait([*calls, *starting], num_returns=1, timeout=_POLL_S)
        for ref in done:
            slot = calls.get(ref) or starting[ref]
            if ref is not slot.starting and ref not in slot.running:
                continue  # its actor has ended, which another call has already detected
            errors = self._ray.exceptions
            try:
                result = self._ray.get(ref)
            except errors.RayTaskError as error:
                raise error.cause from None
            except (errors.RayActorError, errors.ObjectLostError):
                self._replace(slot)
                continue
            if ref is slot.starting:
                slot.starting, slot.n_workers = None, result
                continue
            job, slot.alone = slot.running.pop(ref), False
            self._n_results += 1
            yield job.item, result

    def _replace(self, slot: _Slot[Item]) -> None:
        """Start another actor in place of one that ended; its items are tried again."""
        self._n_deaths += 1
        if not self._n_results and self._n_deaths >= _MAX_DEATHS_AT_START:
            raise ClusterError(
                f"--engine ray: {self._n_deaths} actors ended before one of them returned a "
                "result; see the logs of Ray"
            )
        for job in slot.running.values():
            job.deaths += 1
            self._again.append(job)
        self._slots[self._slots.index(slot)] = self._slot()

    def given_up(self) -> Iterator[Item]:
        """Yield the items that have ended `MAX_ACTOR_DEATHS` actors."""
        for job in [job for job in self._again if job.deaths >= MAX_ACTOR_DEATHS]:
            self._again.remove(job)
            yield job.item

    def dismiss(self) -> None:
        """End the actors."""
        for slot in self._slots:
            self._ray.kill(slot.actor)
