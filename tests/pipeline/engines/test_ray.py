"""The engine `ray` gives the bytes of the engine `local`, even if processes end meanwhile."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from batchmri.pipeline.commands.dry_run import dry_run
from batchmri.pipeline.engines.base import FinishedSeries
from batchmri.pipeline.engines.ray import RayEngine
from batchmri.pipeline.engines.ray_actor import Actor
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.run.shutdown import EXIT_BUDGET
from batchmri.pipeline.scan import scan
from batchmri.records import Series
from batchmri.settings import Settings
from tests.pipeline.builders import changed, instance, save, write_series
from tests.pipeline.conftest import compiled_once, random_model, settings
from tests.pipeline.outputs import contents, table

__all__ = ["compiled_once", "random_model", "settings"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra ray"),
]
KILLER = 666
"""SeriesNumber of the series that ends its actor."""
# One cluster for all tests; it ends when its standard input is closed.
_CLUSTER = """
import sys
from batchmri.pipeline.engines.ray_cluster import connect
from batchmri.settings.engine import EngineSettings
ray, close = connect(EngineSettings(name="ray", actors=4))
from ray._common.usage.usage_lib import usage_stats_enabled
print(ray.get_runtime_context().gcs_address, usage_stats_enabled(), flush=True)
sys.stdin.read()
close()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[int, str, str]]:
    """Process, address, and whether usage statistics are sent."""
    with pytest.MonkeyPatch.context() as patch:
        # The drivers of the tests need the token, and look for the cluster on loopback too.
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "test" * 16)
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        process = subprocess.Popen(
            [sys.executable, "-c", _CLUSTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin and process.stdout
        address, usage = process.stdout.readline().split()
        yield process.pid, address, usage
        process.stdin.close()
        assert process.wait() == 0


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ray") / "archive"
    for number in range(8):
        study = f"study-{number // 2}"
        write_series(root / study, study, f"series-{number}", n=5 + number % 3)
    save(instance("study-0", "series-0", 9, PixelData=b"\0" * 100), root / "study-0" / "cut")
    (root / "notes.txt").write_text("no image")
    return root


@pytest.fixture(scope="module")
def expected(
    archive: Path, random_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The output of the engine `local`."""
    out = tmp_path_factory.mktemp("local")
    scan([archive], out=out, settings=_settings(random_model))
    return contents(out)


def _settings(model: Path) -> Settings:
    return Settings.model_validate(
        {
            "classifier": {"model": model, "batch_size": 8, "device": "cpu"},
            "pixels": {"workers": 1},
            "report": {"gradcam": "top:1", "gradcam_notumor": True},
        }
    )


@pytest.fixture
def on_ray(cluster: tuple[int, str, str], random_model: Path) -> Settings:
    engine = {"name": "ray", "ray_address": cluster[1], "actors": 2}
    return changed(_settings(random_model), "engine", **engine)


def _children(pid: int) -> list[int]:
    """All descendants of a process."""
    found = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return found + [each for child in found for each in _children(child)]


def _actors(pid: int) -> list[int]:
    names = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in _children(pid)}
    return [child for child, name in names.items() if name.startswith(b"ray::Actor")]


def _listening(pids: list[int]) -> set[str]:
    """The addresses (hexadecimal) at which processes listen."""
    inodes = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(str(handle.readlink()))
            except OSError:
                continue
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = [row for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
    return {row[1].partition(":")[0] for row in listening}


def test_a_cluster_of_this_machine_listens_on_loopback_only_and_sends_no_statistics(
    cluster: tuple[int, str, str],
) -> None:
    pid, address, usage = cluster
    assert usage == "False"
    assert address.startswith("127.0.0.1:")
    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
    found = _listening([pid, *_children(pid)])
    assert found and found <= loopback


@pytest.mark.parametrize("actors", [1, 2, 4])
def test_actors_give_the_same_bytes(
    archive: Path, expected: dict[str, bytes], on_ray: Settings, tmp_path: Path, actors: int
) -> None:
    with_actors = changed(on_ray, "engine", actors=actors)
    scan([archive], out=tmp_path / "out", settings=with_actors)
    assert contents(tmp_path / "out") == expected


def test_a_dry_run_reads_headers_on_the_cluster(archive: Path, on_ray: Settings) -> None:
    assert dry_run([archive], settings=on_ray) == dry_run([archive])


def test_a_killed_actor_costs_no_result(
    archive: Path,
    expected: dict[str, bytes],
    on_ray: Settings,
    tmp_path: Path,
    cluster: tuple[int, str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, killed = RayEngine.classify, []

    def kill_once(engine: RayEngine, waiting: object) -> Iterator[FinishedSeries]:
        for done in real(engine, waiting):  # type: ignore[arg-type]
            if not killed:
                killed.append(_actors(cluster[0])[0])
                os.kill(killed[0], signal.SIGKILL)
            yield done

    monkeypatch.setattr(RayEngine, "classify", kill_once)
    assert scan([archive], out=tmp_path / "out", settings=on_ray).exit_code == 1
    assert killed
    assert contents(tmp_path / "out") == expected


def _config(settings: Settings, folder: Path) -> Path:
    sections = {"classifier", "pixels", "report", "engine"}
    given = settings.model_dump(mode="json", include=sections, exclude_unset=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(given))
    return path


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_driver_that_is_killed_or_interrupted_is_resumed(
    archive: Path,
    expected: dict[str, bytes],
    on_ray: Settings,
    tmp_path: Path,
    number: int,
    code: int,
) -> None:
    out, config = tmp_path / "out", _config(on_ray, tmp_path)
    command = [sys.executable, "-m", "batchmri", "scan", archive, "--out", out, "--config", config]
    process = subprocess.Popen([str(part) for part in command])
    while not list(out.glob("gradcam/**/*.png")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(30) == code
    scan([archive], out=out, settings=on_ray)
    assert contents(out) == expected


class Killed(Actor):
    """An actor whose process ends when it gets one of the series."""

    def classify(self, series: Series) -> FinishedSeries:
        if series.header.series_number == KILLER:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().classify(series)


@pytest.fixture(scope="module")
def with_killer(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("killer") / "archive"
    shutil.copytree(archive, root)
    write_series(root / "study-1", "study-1", "killer", n=5, SeriesNumber=KILLER)
    return root


def test_a_series_that_ends_three_actors_is_reported_by_name(
    with_killer: Path, on_ray: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmri.pipeline.engines.ray.Actor", Killed)
    assert scan([with_killer], out=tmp_path / "out", settings=on_ray).exit_code == 1
    rows = table(tmp_path / "out", "series")
    lost = [row for row in rows if row["reason"] == "decoder_crashed"]
    assert [(row["series_number"], row["detail"]) for row in lost] == [
        (str(KILLER), "its worker ended 3 times")
    ]
    assert [row["status"] for row in rows].count("classified") == 8


def test_the_time_budget_ends_a_scan_that_is_resumed(
    archive: Path,
    expected: dict[str, bytes],
    on_ray: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, n_done = RayEngine.classify, []

    def first_ends_budget(engine: RayEngine, waiting: object) -> Iterator[FinishedSeries]:
        for done in real(engine, waiting):  # type: ignore[arg-type]
            engine.context.stop.request(EXIT_BUDGET, "the time budget is used up")
            n_done.append(1)
            yield done

    one_ahead = changed(on_ray, "engine", actors=1)
    with monkeypatch.context() as patch:
        patch.setattr(RayEngine, "classify", first_ends_budget)
        patch.setattr("batchmri.pipeline.engines.ray._series_ahead", lambda n_workers: 2)
        assert scan([archive], out=tmp_path / "out", settings=one_ahead).exit_code == EXIT_BUDGET
    assert len(n_done) == 2, "work in flight is finished"
    scan([archive], out=tmp_path / "out", settings=on_ray)
    assert contents(tmp_path / "out") == expected


def test_only_the_driver_opens_the_state(
    archive: Path,
    expected: dict[str, bytes],
    on_ray: Settings,
    tmp_path: Path,
    cluster: tuple[int, str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state, seen = tmp_path / "state", set()
    real = RayEngine.classify

    def look(engine: RayEngine, waiting: object) -> Iterator[FinishedSeries]:
        for done in real(engine, waiting):  # type: ignore[arg-type]
            seen.update(_open_files(_children(cluster[0])))
            mine = _open_files([os.getpid()])
            yield done
            assert str(state / "state.db") in mine

    monkeypatch.setattr(RayEngine, "classify", look)
    options = ScanOptions(state=state)
    scan([archive], out=tmp_path / "out", settings=on_ray, options=options)
    assert seen and not any("state.db" in path for path in seen)
    assert contents(tmp_path / "out") == expected


def _open_files(pids: list[int]) -> set[str]:
    found = set()
    for pid in pids:
        with suppress(OSError):
            for handle in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    found.add(str(handle.readlink()))
    return found


_TWO_NODES = """
import sys
from pathlib import Path
from batchmri.pipeline.scan import scan
from batchmri.pipeline.engines.ray import RayEngine
from batchmri.settings import Settings
from ray.cluster_utils import Cluster

archive, out, config = sys.argv[1:]
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
settings = Settings.load(Path(config), engine={"ray_address": cluster.address})
real, lost = RayEngine.classify, []

def then_lose(engine, waiting):
    for done in real(engine, waiting):
        if not lost:
            lost.append(sum(node["Alive"] for node in engine._ray.nodes()))
            cluster.remove_node(second, allow_graceful=False)
        yield done

RayEngine.classify = then_lose
scan([archive], out=out, settings=settings)
assert lost == [2], lost
"""


def test_a_lost_node_costs_no_result(
    archive: Path, expected: dict[str, bytes], on_ray: Settings, tmp_path: Path
) -> None:
    out, config = tmp_path / "out", _config(on_ray, tmp_path)
    command = [sys.executable, "-c", _TWO_NODES, archive, out, config]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert contents(out) == expected
