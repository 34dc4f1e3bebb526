"""`batchmri scan`: classify the series in folders and write tables and pictures."""

import secrets
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from importlib import import_module
from pathlib import Path

from batchmri.archive.root_labels import labels_around
from batchmri.errors import InterruptedRunError
from batchmri.outputs.atomic_write import readers
from batchmri.outputs.console import Console, LogFormat
from batchmri.outputs.metrics import check_metrics_file
from batchmri.outputs.sinks import chosen
from batchmri.outputs.summary import print_json_summary, print_summary
from batchmri.pipeline.aggregate import pictures_are_current
from batchmri.pipeline.commits import Commits, Committed
from batchmri.pipeline.engines.base import Engine, EngineContext, create_engine
from batchmri.pipeline.export import export
from batchmri.pipeline.index import index
from batchmri.pipeline.plan import Planner, waiting
from batchmri.pipeline.results import Results
from batchmri.pipeline.run.archive_check import check_images, kept_results
from batchmri.pipeline.run.inputs import (
    check_output,
    check_outside,
    find_roots,
    root_around,
    with_known_labels,
)
from batchmri.pipeline.run.lock import hold
from batchmri.pipeline.run.output_folder import FirstRun, claim_state, make_output, state_path
from batchmri.pipeline.run.provenance import check_provenance, effective_settings, remember_model
from batchmri.pipeline.run.run_report import RunReport
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.run.shutdown import EXIT_BUDGET, EXIT_FAILURES, Shutdown
from batchmri.pipeline.run.study_command import StudyCommand
from batchmri.pipeline.run.study_stream import StudyStream
from batchmri.pipeline.totals import Totals
from batchmri.reasons import GIVEN_UP, MAX_FAILED_RUNS, Status
from batchmri.records import FileNote, SeriesResult
from batchmri.settings import Settings
from batchmri.state.series import Trouble
from batchmri.state.store import Store

_EXPORT_GRACE_S = 1.0  # time limit of the export after an interrupt; the next run writes the rest
_OUT_INSIDE = (
    "--out is inside a scanned PATH: it is not scanned, but a folder outside keeps the archive as "
    "it is"
)


class Outcome(Results):
    """The results of a scan: its tables as DataFrames, its exit code and totals."""

    def __init__(self, exit_code: int, totals: Totals, output: Path) -> None:
        super().__init__(output)
        self.exit_code = exit_code
        self.totals = totals


def scan(
    paths: Sequence[str | Path],
    *,
    out: str | Path,
    settings: Settings | None = None,
    options: ScanOptions | None = None,
    log_format: LogFormat = "auto",
) -> Outcome:
    """Classify the brain MRI below `paths` and write tables and pictures into `out`.

    Raises BatchmriError if the scan cannot start or the archive looks wrong, and
    InterruptedRunError if a signal leaves no time to write the tables. A file that cannot be
    classified raises no exception: its row in the tables contains the reason.
    """
    settings, options = settings or Settings.load(), options or ScanOptions()
    output = Path(out)
    report = RunReport(secrets.token_hex(4))
    console = Console(log_format, report.run_id)
    budget = settings.schedule.time_budget
    with ExitStack() as stack:
        stack.enter_context(report.recorded(settings))
        metrics_file = settings.schedule.metrics_file
        if metrics_file is not None:
            check_metrics_file(metrics_file)
        report.metrics_file = metrics_file
        settings = effective_settings(settings)
        chosen(settings)  # report an unknown format now, not when the results are written
        database = state_path(output, options.state)
        roots = find_roots(paths, database, settings.archive.root_labels)
        check_output(roots, output)
        if not database.exists() and (root := root_around(roots, output)) is not None:
            console.warn(_OUT_INSIDE, out=output, path=root)
        check_outside(roots, output, "--state", options.state)
        report.metrics_file = None  # not even this error is written into a scanned folder
        check_outside(roots, output, "--metrics-file", metrics_file)
        report.metrics_file = metrics_file
        stop = stack.enter_context(Shutdown(budget.total_seconds() if budget else None))
        stack.enter_context(readers(group=settings.report.group_readable))
        stack.enter_context(make_output(output))
        if options.state is not None:
            stack.enter_context(make_output(options.state))
        on_study = stack.enter_context(StudyCommand(settings, stop, console.warn))
        stack.enter_context(hold(output, database.parent))
        first_run = stack.enter_context(FirstRun(output, database))
        store = stack.enter_context(Store(database))
        stack.enter_context(report.recorded(settings, store))
        claim_state(store, output)
        roots = with_known_labels(roots, settings.archive.root_labels, store.folder_labels())
        if settings.report.dicom_results:
            import_module("highdicom")  # fail before any work if the extra is missing
        context = EngineContext(settings, stop, output, first_run=store.files.is_empty())
        engine = stack.enter_context(create_engine(context))
        model = engine.model
        provenance = model.provenance | {"identifiers": str(settings.report.identifiers).lower()}
        if not options.rescan:
            check_provenance(store, output, provenance)
        remember = partial(
            remember_model,
            store,
            provenance,
            model.classes,
            model.card,
            rescan=options.rescan,
        )

        stream = stack.enter_context(StudyStream(store, model.classes, settings, output, on_study))
        archive_read = False
        with suppress(InterruptedRunError):  # every finished series is already in the state
            with report.stage("index"):
                report.new_failures += index(
                    store, roots, output, settings, options, engine, console, stop, remember
                )
                if not stop.requested:
                    check_images(store, roots, [str(path) for path in paths])
                    if kept := kept_results(store, roots):
                        console.warn(kept)
                        report.notices.append(kept)
                store.remember_roots(roots.values(), labels_around(roots))
                first_run.accept()
            with report.stage("plan"):
                if not stop.requested:
                    is_current = partial(
                        pictures_are_current,
                        classes=model.classes,
                        settings=settings,
                        output=output,
                    )
                    planner = Planner(store, settings, options, is_current, console, output)
                    report.new_failures += planner.plan(stop)
                archive_read = not stop.requested
                if archive_read:
                    stream.add_finished()
            with report.stage("classify"):
                _classify(engine, store, settings, console, stop, report, stream)
                if archive_read and not store.series.n_waiting():
                    stop.lift_time_budget()
                on_study.finish()
        check = partial(stop.check, _EXPORT_GRACE_S)
        with report.stage("export"):
            totals = export(
                store,
                model.classes,
                settings,
                output,
                draw=True,
                finished=stop.exit_code in (0, EXIT_BUDGET),
                check=check,
            )
        if settings.report.dicom_results:  # after a signal, the next run writes the rest
            with report.stage("dicom"), suppress(InterruptedRunError):
                results = import_module("batchmri.pipeline.dicom.dicom_results")
                report.new_failures += results.write_dicom_results(
                    store, model.classes, settings, output, console, check
                )
        report.failed_commands = on_study.n_failed
        if archive_read and (given_up := _given_up(store)):
            report.notices.append(given_up)
        if stop.exit_code:
            stopped = _stopped(store, stop, report.n_series, archive_read)
            console.warn(stopped)
            report.notices.append(stopped)
        report.exit_code = stop.exit_code or int(report.new_failures > 0)
        report.write(output, settings, model, totals, store)
        print_summary(console, totals, output, report.notices)
        print_json_summary(
            console, totals, output, report.exit_code, _paths(output, database), report.notices
        )
    return Outcome(report.exit_code, totals, output)


def _classify(
    engine: Engine,
    store: Store,
    settings: Settings,
    console: Console,
    stop: Shutdown,
    report: RunReport,
    stream: StudyStream,
) -> None:
    """Commit every series that the engine has classified."""
    total = store.series.n_waiting()

    def stop_after_too_many_failures() -> None:
        if settings.schedule.too_many(report.new_failures, max(total, 1)):
            stop.request(EXIT_FAILURES, f"{report.new_failures} new failures, more than allowed")

    def announce(group: Sequence[Committed]) -> None:
        for done, tries in group:
            result = done.result
            progress.advance()
            report.n_series += 1
            report.n_slices += len(result.scores)
            report.new_failures += tries == 1
            _log_outcome(console, result, done.left_out, newly_failed=tries == 1)
            if done.trouble is Trouble.TEMPORARY and tries == MAX_FAILED_RUNS:
                console.warn(GIVEN_UP, series=result.series.source)
        stop_after_too_many_failures()
        stream.add(dict.fromkeys(done.result.series.key.study_uid for done, _ in group))

    stop_after_too_many_failures()  # files with invalid headers may be enough
    with (
        console.stage("classifying series", total) as progress,
        Commits(store, stop, announce) as commits,
    ):
        for done in engine.classify(stop.until(waiting(store))):
            commits.add(done)


def _given_up(store: Store) -> str | None:
    """Say what is not read again by itself after a temporary failure; None if nothing is."""
    counts = (
        (store.files.n_given_up, "file", "files"),
        (store.series.n_given_up(MAX_FAILED_RUNS), "series", "series"),
    )
    what = " and ".join(f"{n} {one if n == 1 else many}" for n, one, many in counts if n)
    if not what:
        return None
    return f"{what} failed in {MAX_FAILED_RUNS} runs: only --retry-failed tries again"


def _paths(output: Path, database: Path) -> dict[str, Path]:
    names = ("studies.csv", "series.csv", "slices.csv", "files.csv", "changes.csv")
    others = ("results.jsonl", "run.json", "datapackage.json")
    return {name: output / name for name in (*names, *others)} | {"state.db": database}


def _log_outcome(
    console: Console, result: SeriesResult, left_out: Sequence[FileNote], *, newly_failed: bool
) -> None:
    """Log what failed for the first time and, with `--verbose`, every series."""
    source, detail = result.series.source, result.detail or None
    if not newly_failed:
        console.detail(str(result.status), series=source, reason=result.reason, detail=detail)
        return
    console.warn("failed", series=source, reason=result.reason, detail=detail)
    for note in left_out:
        if note.reason.status is Status.FAILED:
            console.warn("failed", file=note.source, reason=note.reason, detail=note.detail or None)


def _stopped(store: Store, stop: Shutdown, n_done: int, archive_read: bool) -> str:
    """Say why the run has stopped early, and what remains."""
    if not archive_read:
        return f"stopped: {stop.why}; the archive was not read completely; the next run continues"
    left = store.series.n_waiting()
    if not left:
        return f"stopped: {stop.why}; no series remains"
    more = f", about {-(-left // n_done)} more runs like this one" if n_done else ""
    return f"stopped: {stop.why}; {left} series remain{more}; the next run continues"
