"""The engine `ray` with a stand-in for Ray that runs actors in this process."""

import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from batchmri.errors import ModelError, UsageError
from batchmri.pipeline.engines.ray import RayEngine
from batchmri.pipeline.engines.ray_actor import Actor
from batchmri.pipeline.engines.ray_cluster import connect
from batchmri.pipeline.run.shutdown import EXIT_BUDGET
from batchmri.pipeline.scan import scan
from batchmri.records import Series
from batchmri.settings import Settings
from batchmri.settings.engine import EngineSettings
from tests.pipeline.builders import changed, write_series
from tests.pipeline.conftest import compiled_once, random_model, settings
from tests.pipeline.outputs import contents, table

__all__ = ["compiled_once", "random_model", "settings"]


class ActorError(Exception):
    pass


class TaskError(Exception):
    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class Call:
    """A call of a method, made when its result is requested."""

    def __init__(self, method: Callable[..., Any], arguments: bytes) -> None:
        self.method, self.arguments = method, arguments


class Handle:
    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._actor, name)
        return SimpleNamespace(remote=lambda *given: Call(method, pickle.dumps(given)))


class InProcess:
    """Everything that is sent is pickled; `n_bytes` are the arguments and results of each call."""

    exceptions = SimpleNamespace(
        RayTaskError=TaskError, RayActorError=ActorError, ObjectLostError=ActorError
    )

    def __init__(self) -> None:
        self.n_bytes: dict[str, list[int]] = {}
        self.provenance: dict[str, str] = {}
        self.killer = ""
        self.n_killed = 0
        self.n_actors = 0

    def remote(self, kind: type[Actor]) -> Any:
        def create(settings: Settings, output: Path, provenance: dict[str, str]) -> Handle:
            self.n_actors += 1
            return Handle(kind(settings, output, provenance | self.provenance))

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=create))

    def nodes(self) -> list[dict[str, bool]]:
        return [{"Alive": True}, {"Alive": True}, {"Alive": False}]

    def wait(self, calls: list[Call], **_: Any) -> tuple[list[Call], list[Call]]:
        return calls[-1:], calls[:-1]

    def get(self, call: Call) -> Any:
        given = pickle.loads(call.arguments)
        if self.killer and any(_names(item, self.killer) for item in given):
            self.n_killed += 1
            raise ActorError
        try:
            result = pickle.dumps(call.method(*given))
        except ModelError as error:
            raise TaskError(error) from None
        sizes = self.n_bytes.setdefault(call.method.__name__, [])
        sizes.append(len(call.arguments) + len(result))
        return pickle.loads(result)

    def kill(self, actor: Handle) -> None:
        actor._actor._stack.close()


def _names(item: Any, killer: str) -> bool:
    """Whether the killer is one of the files in a list, or in the source of a series."""
    items = item if isinstance(item, list) else [item]
    return any(killer in getattr(each, "source", "") for each in items)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    fake = InProcess()
    monkeypatch.setattr("batchmri.pipeline.engines.ray.connect", lambda _: (fake, lambda: None))
    return fake


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    for name in ("a", "b", "c"):
        write_series(root / name, name, "series", n=20)
    (root / "notes.txt").write_text("no image")
    return root


def test_results_are_the_same_and_only_small_objects_are_sent(
    archive: Path, tmp_path: Path, settings: Settings, ray: InProcess
) -> None:
    on_ray = changed(settings, "engine", name="ray")
    scan([archive], out=tmp_path / "ray", settings=on_ray)
    scan([archive], out=tmp_path / "local", settings=settings)
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert ray.n_actors == 2, "the same actors read headers and classify"
    assert len(ray.n_bytes["classify"]) == 3
    assert max(ray.n_bytes["classify"]) < 16 << 10, "bytes of a series of 20 slices"


def test_an_actor_with_another_precision_is_an_error(
    archive: Path, tmp_path: Path, settings: Settings, ray: InProcess
) -> None:
    ray.provenance = {"precision": "fp16"}
    with pytest.raises(ModelError, match=r"would use precision .*, not fp16; set --device and"):
        scan([archive], out=tmp_path / "out", settings=changed(settings, "engine", name="ray"))


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    with pytest.raises(UsageError, match=r"pip install 'batchmri\[ray\]'"):
        connect(EngineSettings(name="ray"))


def test_a_series_that_ends_three_actors_is_reported_by_name(
    archive: Path,
    tmp_path: Path,
    settings: Settings,
    ray: InProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, on_ray = tmp_path / "out", changed(settings, "engine", name="ray", actors=1)
    read = RayEngine.read_headers

    def then_kill(*given: Any) -> Any:
        yield from read(*given)
        ray.killer = "archive/b"

    monkeypatch.setattr(RayEngine, "read_headers", then_kill)
    assert scan([archive], out=out, settings=on_ray).exit_code == 1
    assert ray.n_killed >= 3
    found = {row["source"]: (row["status"], row["reason"]) for row in table(out, "series")}
    ok = ("classified", "")
    lost = ("failed", "decoder_crashed")
    assert found == {"archive/a": ok, "archive/b": lost, "archive/c": ok}
    monkeypatch.undo()
    scan([archive], out=out, settings=settings)
    scan([archive], out=tmp_path / "local", settings=settings)
    assert contents(out) == contents(tmp_path / "local"), "the next run tries it again"


def test_a_list_of_files_that_ends_three_actors_is_reported_by_name(
    archive: Path, tmp_path: Path, settings: Settings, ray: InProcess
) -> None:
    ray.killer = "notes.txt"
    on_ray = changed(settings, "engine", name="ray")
    assert scan([archive], out=tmp_path / "out", settings=on_ray).exit_code == 1
    reasons = {row["source"]: row["reason"] for row in table(tmp_path / "out", "files")}
    assert reasons["archive/notes.txt"] == "decoder_crashed"


@pytest.mark.slow
def test_after_the_time_budget_work_in_flight_is_kept_and_the_rest_waits(
    archive: Path,
    tmp_path: Path,
    settings: Settings,
    ray: InProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(8):
        write_series(archive / f"more-{number}", f"more-{number}", "series", n=5)
    out, on_ray = tmp_path / "out", changed(settings, "engine", name="ray", actors=1)
    classify, taken = RayEngine.classify, []

    def first_ends_budget(engine: RayEngine, waiting: Iterable[Series]) -> Any:
        def take() -> Iterator[Series]:
            for series in waiting:
                taken.append(series)
                yield series

        for done in classify(engine, take()):
            engine.context.stop.request(EXIT_BUDGET, "the time budget is used up")
            yield done

    with monkeypatch.context() as patch:
        patch.setattr(RayEngine, "classify", first_ends_budget)
        patch.setattr("batchmri.pipeline.engines.ray._series_ahead", lambda n_workers: 4)
        assert scan([archive], out=out, settings=on_ray).exit_code == EXIT_BUDGET
    assert len(table(out, "series")) == len(taken) == 4
    assert scan([archive], out=out, settings=on_ray).exit_code == 0
    scan([archive], out=tmp_path / "local", settings=settings)
    assert contents(out) == contents(tmp_path / "local")
