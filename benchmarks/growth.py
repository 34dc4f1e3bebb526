"""Growth of the state: python -m benchmarks.growth [FILES ...] (default 100000 1000000).

Stores the headers of FILES files in a state.db without reading any file: 100 slices per series; one
series in ten is T1 and gets simulated results. Then plans and exports. Prints a row after each
stage, so that an interrupted run of a large archive shows something. `one study new` plans a study
that has been added, `plan again` all studies, as after a change of the settings.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from batchmri.header import Header
from batchmri.outputs.console import Console
from batchmri.pipeline.export import export
from batchmri.pipeline.plan import Planner, waiting
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.reasons import Status
from batchmri.records import Classes, CropBox, FileEntry, Scores, SeriesResult
from batchmri.settings import Settings
from batchmri.state.series import Trouble
from batchmri.state.store import Store
from benchmarks.archives import machine
from tests.builders import instance

_SLICES, _SERIES_PER_STUDY, _CLASSIFIED = 100, 5, 10
CLASSES = Classes(("glioma", "meningioma", "notumor", "pituitary"), "notumor")


def fill(store: Store, numbers: Iterable[int]) -> None:
    with store.bulk(4096) as bulk:
        for number in numbers:
            series = number // _SLICES
            words = "AX T2" if series % _CLASSIFIED else "AX T1"
            one = instance(
                number % _SLICES,
                source=f"archive/{series // 100}/{series}/{number}.dcm",
                study_uid=f"1.2.{series // _SERIES_PER_STUDY}",
                series_uid=f"1.2.{series}.1",
                instance_uid=f"1.2.{series}.1.{number}",
                header=Header(modality="MR", series_description=words),
            )
            entry = FileEntry(one.source, f"/{one.source}", 140_000, number)
            store.files.put_header(entry, replace(one, path=entry.path), 1.0)
            bulk.tick()


def classify(store: Store) -> None:
    scores = (0.1, 0.1, 0.7, 0.1)
    with store.bulk(16) as bulk:
        for series in waiting(store):
            found = tuple(
                Scores(replace(ref, path=""), scores, CropBox(10, 10, 200, 200))
                for ref in series.slices
            )
            result = SeriesResult(series, Status.CLASSIFIED, scores=found, model_digest="stub")
            store.series.put_result(result, series.fingerprint, (), Trouble.NONE)
            bulk.tick()


def measure(n_files: int) -> None:
    settings = Settings.model_validate({"report": {"gradcam": "none"}})
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        with Store(out / "state.db") as store:

            def stage(what: str, function: Callable[[], object]) -> None:
                start = time.perf_counter()
                function()
                spent = time.perf_counter() - start
                size = (out / "state.db").stat().st_size / 2**20
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(
                    f"| {n_files} | {n_files // _SLICES} | {what} | {spent:.1f} "
                    f"| {spent / n_files * 1e6:.0f} | {size:.0f} | {peak:.0f} |",
                    flush=True,
                )

            planner = Planner(
                store, settings, ScanOptions(), lambda result: True, Console("plain", "")
            )
            stage("store headers", lambda: fill(store, range(n_files)))
            stage("plan", lambda: planner.plan(Shutdown()))
            stage("store results", lambda: classify(store))
            fill(store, range(n_files, n_files + _SLICES))
            stage("one study new", lambda: planner.plan(Shutdown()))
            store.unplanned.add_all()
            stage("plan again", lambda: planner.plan(Shutdown()))
            stage("export", lambda: export(store, CLASSES, settings, out, draw=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=int, default=[100_000, 1_000_000])
    print(f"{machine()}\n")
    print(
        "| files | series | stage | seconds | µs per file | state.db (MB) | peak so far (MB) |\n|"
        + "---|" * 7
    )
    for count in parser.parse_args().files:
        measure(count)


if __name__ == "__main__":
    main()
