"""The engine `ray` on this machine: python -m benchmarks.cluster [--volumes 60] [--pairs 2].

Starts one local cluster, and measures on generated NIfTI volumes of 24 slices:

1. a scan with `--engine ray` and one actor against `--engine local`, from start to exit,
   alternating, with the shipped model; the cluster is running already;
2. headers and, with the network replaced by arithmetic, series per second with 1, 2 and 4 actors of
   one worker each, counted after the first result;
3. the bytes of a series and of its result, pickled, as they pass through Ray.
"""

import argparse
import logging
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batchmri.archive.walker import walk
from batchmri.formats.header_context import HeaderContext
from batchmri.pipeline.engines.base import EngineContext
from batchmri.pipeline.engines.ray import RayEngine
from batchmri.pipeline.engines.ray_actor import Actor
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.pipeline.scan import scan
from batchmri.records import FileEntry
from batchmri.settings import Settings
from benchmarks.archives import SLICES, machine, make
from benchmarks.end_to_end import seconds_of
from benchmarks.memory import make_archive
from tests.nights.kills import make_model

ACTORS = (1, 2, 4)
_CLUSTER = """
import sys
from batchmri.pipeline.engines.ray_cluster import connect
from batchmri.settings.engine import EngineSettings
ray, close = connect(EngineSettings(name="ray", actors=4))
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
close()
"""


class Stub(Actor):
    """An actor whose network is replaced by arithmetic."""

    def __init__(self, *given: Any) -> None:
        import batchmri.pipeline.run.loaded_model as loaded
        from tests.nights.driver import Arithmetic

        loaded.load_checkpoint = lambda _: (None, None, None)  # type: ignore[assignment]
        loaded.load_backend = lambda _, card, chosen: Arithmetic(chosen.batch_size)  # type: ignore
        super().__init__(*given)


@contextmanager
def cluster() -> Iterator[str]:
    """A cluster on this machine, for this process and its children; yields its address."""
    os.environ |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "benchmark" * 8,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", _CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    yield process.stdout.readline().strip()
    process.stdin.close()
    process.wait()


def rate(results: Iterable[Any]) -> float:
    """Results per second after the first one."""
    remaining = iter(results)
    next(remaining)
    start = time.perf_counter()
    n = sum(1 for _ in remaining)
    return n / (time.perf_counter() - start)


def overhead(archive: Path, base: Path, address: str, pairs: int) -> None:
    ray = ("--engine", "ray", "--ray-address", address, "--actors", 1)
    scan_it = ("-m", "batchmri", "scan", archive, "--device", "cpu", "--out")
    seconds_of(*scan_it, base / "first")  # converts the network, if it is not in the cache
    on_local, on_ray = [], []
    for pair in range(pairs):
        on_local.append(seconds_of(*scan_it, base / f"local-{pair}"))
        on_ray.append(seconds_of(*scan_it, base / f"ray-{pair}", *ray))
    ratio = statistics.median(r / x for r, x in zip(on_ray, on_local, strict=True))
    print(f"| `--engine local` (s) | `--engine ray` (s) | ratio |\n{'|---' * 3}|")
    print(
        f"| {statistics.median(on_local):.1f} | {statistics.median(on_ray):.1f} | {ratio:.2f} |\n"
    )


def stub_settings(model: Path, address: str, actors: int) -> Settings:
    return Settings.model_validate(
        {
            "classifier": {"model": model, "device": "cpu", "precision": "fp32"},
            "pixels": {"workers": 1},
            "engine": {"name": "ray", "ray_address": address, "actors": actors},
        }
    )


def headers_per_second(archive: Path, settings: Settings) -> float:
    entries = [e for e in walk({"a": str(archive)}, (), ()) if isinstance(e, FileEntry)]
    context = HeaderContext(b"key", settings.archive.nifti_study, False)
    with RayEngine(EngineContext(settings, Shutdown())) as engine:
        return rate(engine.read_headers(entries, context))


def series_per_second(archive: Path, out: Path, settings: Settings) -> tuple[float, list[int]]:
    """The rate, and the bytes of each series and its result."""
    sent: list[int] = []
    times: list[float] = []
    real = RayEngine._run

    def counted(engine: RayEngine, *given: Any) -> Iterator[tuple[Any, Any]]:
        for item, result in real(engine, *given):
            if not isinstance(item, list):  # a list of files
                sent.append(len(pickle.dumps(item)) + len(pickle.dumps(result)))
                times.append(time.perf_counter())
            yield item, result

    RayEngine._run = counted  # type: ignore[method-assign]
    try:
        scan([archive], out=out, settings=settings)
    finally:
        RayEngine._run = real  # type: ignore[method-assign]
    return (len(times) - 1) / (times[-1] - times[0]), sent


def scaling(volumes: Path, files: Path, base: Path, address: str) -> None:
    import batchmri.pipeline.engines.ray as engine

    logging.getLogger("batchmri").setLevel(logging.WARNING)  # no summaries of scans
    engine.Actor = Stub  # type: ignore[misc]
    model, sent = make_model(base), [0]
    print(f"| actors | headers/s | series/s with a stubbed network |\n{'|---' * 3}|")
    for actors in ACTORS:
        settings = stub_settings(model, address, actors)
        headers = headers_per_second(files, settings)
        series, sent = series_per_second(volumes, base / f"stub-{actors}", settings)
        print(f"| {actors} | {headers:.0f} | {series:.1f} |", flush=True)
    print(f"\nBytes per series of {SLICES} slices, both ways: at most {max(sent)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--volumes", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--files", type=int, default=10_000)
    options = parser.parse_args()
    print(f"{machine()}; {options.volumes} volumes of {SLICES} slices, {options.pairs} pairs\n")
    with tempfile.TemporaryDirectory() as name, cluster() as address:
        base = Path(name)
        make(base / "volumes", "nifti", options.volumes)
        make_archive(base / "files", options.files)
        overhead(base / "volumes", base, address, options.pairs)
        scaling(base / "volumes", base / "files", base, address)


if __name__ == "__main__":
    main()
