"""The main job: folders in, tables and pictures out."""

import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from batchmri.errors import OutputError
from batchmri.pipeline.export import Totals, export
from batchmri.pipeline.index import index
from batchmri.pipeline.interrupt import Interrupt
from batchmri.pipeline.judge import pictures_stand
from batchmri.pipeline.lock import hold
from batchmri.pipeline.made_with import check_made_with, remember_classes
from batchmri.pipeline.model import Model
from batchmri.pipeline.plan import plan, waiting
from batchmri.pipeline.protocol import Protocol
from batchmri.pipeline.roots import find_roots
from batchmri.pipeline.run import Run
from batchmri.pipeline.workers import WorkerPool
from batchmri.records import SeriesResult
from batchmri.report import Console, LogFormat, make_folder, print_summary
from batchmri.settings import Settings
from batchmri.state import Store


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scan ended."""

    exit_code: int
    totals: Totals


def scan(
    paths: Sequence[str | Path],
    *,
    out: str | Path,
    settings: Settings | None = None,
    limit: int | None = None,
    rescan: bool = False,
    log_format: LogFormat = "auto",
) -> Outcome:
    """Classify the brain MRI below `paths` and write tables and pictures into `out`.

    `limit` bounds the number of studies, `rescan` forgets earlier results. Raises BatchmriError
    where the scan cannot start; a bad file is a row with a reason, never an exception.
    """
    settings = settings or Settings.load()
    output = Path(out)
    protocol = Protocol(secrets.token_hex(4))
    console = Console(log_format, protocol.run_id)
    with ExitStack() as stack:
        stop = stack.enter_context(Interrupt())
        roots = find_roots(paths)
        _make_output(output)
        stack.enter_context(hold(output))
        store = stack.enter_context(Store(output / "state.db"))
        # Workers fork from a server that must exist before the model brings torch along.
        pool = stack.enter_context(
            WorkerPool(settings.pixels.n_workers, settings.archive.file_timeout_s)
        )
        model = Model.describe(settings.classifier)
        check_made_with(store, model.made_with, rescan=rescan)
        remember_classes(store, model.classes)

        with protocol.stage("index"):
            failed = index(store, roots, output, settings.archive, pool, console, stop)
        with protocol.stage("plan"):

            def stands(result: SeriesResult) -> bool:
                return pictures_stand(result, model.classes, settings, output)

            if not stop.requested:
                plan(store, settings.selection, limit, stands)
        with protocol.stage("classify"):
            run = Run(store, pool, model, settings, output)
            with console.stage("classifying series", store.series.n_waiting()) as progress:
                for _ in progress.count(run.classify(stop.until(waiting(store)))):
                    pass
        with protocol.stage("export"):
            totals = export(store, model.classes, settings, output, draw=True)
        failed += run.n_failed
        protocol.write(output, settings, model, totals, store, run.n_slices)
        print_summary(console, totals, output, interrupted=stop.requested)
    exit_code = stop.exit_code if stop.requested else int(failed > 0)
    return Outcome(exit_code, totals)


def _make_output(output: Path) -> None:
    try:
        make_folder(output)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made ({error.strerror})") from None
