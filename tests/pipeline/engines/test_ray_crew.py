"""Actors that end, with a stand-in for Ray that runs calls one after the other."""

import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from batchmri.pipeline.engines.ray_crew import ClusterError, Crew

N_WORKERS = 2


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class ActorError(RayError):
    pass


class Calls:
    """A call in flight of an actor."""

    def __init__(self, actor: "FakeActor", item: str) -> None:
        self.actor, self.item = actor, item


class FakeActor:
    """An actor that ends when it gets the item `killer`."""

    def __init__(self) -> None:
        self.alive = True
        self.had: list[str] = []
        self.ready = SimpleNamespace(remote=lambda: Calls(self, "ready"))

    def call(self, item: str) -> Calls:
        self.had.append(item)
        return Calls(self, item)


class FakeRay:
    exceptions = SimpleNamespace(
        RayTaskError=RayTaskError, RayActorError=ActorError, ObjectLostError=ActorError
    )

    def __init__(self, on_start: bool = True) -> None:
        self.actors: list[FakeActor] = []
        self.most_in_flight = 0
        self.dice = random.Random(1)
        self.on_start = on_start

    def new_actor(self) -> FakeActor:
        self.actors.append(FakeActor())
        return self.actors[-1]

    def wait(self, calls: list[Calls], **_: Any) -> tuple[list[Calls], list[Calls]]:
        self.most_in_flight = max(self.most_in_flight, len(calls))
        done = self.dice.choice(calls)  # results come in any order
        return [done], [call for call in calls if call is not done]

    def get(self, call: Calls) -> str | int:
        if call.item == "killer" or not self.on_start:
            call.actor.alive = False
        if not call.actor.alive:
            raise ActorError
        if call.item == "bug":
            raise RayTaskError(ZeroDivisionError())
        if call.item == "ready":
            return N_WORKERS
        return call.item.upper()

    def kill(self, actor: FakeActor) -> None:
        actor.alive = False


def run(ray: FakeRay, items: Iterator[str], n_actors: int) -> tuple[list[str], list[str]]:
    """The items with results, and those that were given up."""
    crew: Crew[str] = Crew(ray, n_actors, ray.new_actor)
    crew.begin(lambda n_workers: 4)
    call: Callable[[Any, str], Any] = lambda actor, item: actor.call(item)  # noqa: E731
    found, lost = [], []
    while crew.give_work(items, call):
        for item, result in crew.collect():
            assert result == item.upper()
            found.append(item)
        lost += crew.given_up()
    crew.dismiss()
    return found, lost


@pytest.mark.parametrize("n_actors", [1, 2, 4])
def test_only_the_item_that_ends_actors_is_given_up(n_actors: int) -> None:
    ray = FakeRay()
    names = [f"item {n}" for n in range(60)]
    items = ["killer", *names]
    found, lost = run(ray, iter(items), n_actors)
    assert sorted(found) == sorted(names)
    assert lost == ["killer"]
    had = [actor for actor in ray.actors if "killer" in actor.had]
    assert len(had) == 3
    assert all(actor.had[-1] == "killer" for actor in had[1:]), "it is tried again alone"
    assert not any(actor.alive for actor in ray.actors), "no actor is left behind"


def test_items_are_taken_only_a_few_ahead() -> None:
    ray, taken = FakeRay(), []

    def take() -> Iterator[str]:
        for number in range(100):
            taken.append(number)
            yield str(number)

    crew: Crew[str] = Crew(ray, 2, ray.new_actor)
    crew.begin(lambda n_workers: 3 * n_workers)
    items, n_done, most = take(), 0, 0
    while crew.give_work(items, FakeActor.call):
        most = max(most, len(taken) - n_done)
        n_done += len(list(crew.collect()))
    assert n_done == 100
    assert most == 2 * 3 * N_WORKERS


def test_the_same_actors_do_the_next_work() -> None:
    ray = FakeRay()
    crew: Crew[str] = Crew(ray, 2, ray.new_actor)
    for names in ("abc", "defg"):
        crew.begin(lambda n_workers: 4)
        items, found = iter(names), []
        while crew.give_work(items, FakeActor.call):
            found += [item for item, _ in crew.collect()]
        assert sorted(found) == sorted(names)
    assert len(ray.actors) == 2


def test_the_last_items_are_spread_over_all_actors() -> None:
    ray = FakeRay()
    crew: Crew[str] = Crew(ray, 3, ray.new_actor)
    crew.begin(lambda n_workers: 10)
    while any(slot.starting for slot in crew._slots):
        list(crew.collect())
    crew.give_work(iter("abcdefghi"), FakeActor.call)
    assert [len(actor.had) for actor in ray.actors] == [3, 3, 3]


def test_the_exception_of_a_call_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        run(FakeRay(), iter(["a", "bug"]), 1)


def test_a_cluster_on_which_every_actor_ends_is_an_error() -> None:
    with pytest.raises(ClusterError, match="10 actors ended before one of them returned"):
        run(FakeRay(on_start=False), iter("abc"), 2)
