"""`batchmri scan --dry-run`: report what a scan would do, from headers alone, without torch."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from batchmri.archive.assembly import assemble
from batchmri.archive.selection import select
from batchmri.outputs.console import Console, LogFormat
from batchmri.outputs.inventory import INVENTORY_COLUMNS, Inventory
from batchmri.outputs.series_list import SeriesList
from batchmri.outputs.summary import print_inventory
from batchmri.outputs.tables.csv import write_table
from batchmri.pipeline.engines.base import EngineContext, create_engine
from batchmri.pipeline.index import index
from batchmri.pipeline.run.archive_check import Loss, check_images, find_loss
from batchmri.pipeline.run.inputs import check_output, find_roots, with_known_labels
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.settings import Settings
from batchmri.state.known_results import KnownResults
from batchmri.state.store import Store


def dry_run(
    paths: Sequence[str | Path],
    *,
    out: Path | None = None,
    settings: Settings | None = None,
    limit: int | None = None,
    allow_shrink: bool = False,
    state: Path | None = None,
    log_format: LogFormat = "auto",
) -> Inventory:
    """Print the contents of `paths` and what would be classified.

    With `out`, write the counts into dry-run.csv, and each series with its decision into
    dry-run-series.csv and dry-run-series.jsonl. Series whose results `out` already contains are not
    counted, and the time is estimated from the rate of its last run. Its state is only read. A
    warning predicts that a scan would stop because of missing files, unless `allow_shrink`.

    Raises UsageError if `paths` cannot be scanned or contain no image, and InterruptedRunError
    after a signal.
    """
    settings = settings or Settings.load()
    roots = find_roots(paths, labels=settings.archive.root_labels)
    if out is not None:
        check_output(roots, out)
    database = None if out is None else (state or out) / "state.db"
    console = Console(log_format)
    with (
        Shutdown() as stop,
        create_engine(EngineContext(settings, stop)) as engine,
        Store(None) as store,
        KnownResults(database) as known,
        SeriesList(out) as series_list,
    ):
        if known.patient_key is not None:
            store.set_meta("patient_key", known.patient_key)
        roots = with_known_labels(roots, settings.archive.root_labels, known.folder_labels)
        with store.transaction():
            store.files.expect(known.files())
        losses: list[Loss] = []

        def check() -> None:
            if not allow_shrink and (loss := find_loss(store, roots)) is not None:
                console.warn(f"a scan would stop: {loss.what}; {loss.advice}")
                losses.append(loss)

        options = ScanOptions(allow_shrink=True)  # `check` warns instead
        index(store, roots, out, settings, options, engine, console, stop, check)
        stop.check()
        inventory = _inventory(store, settings, limit, stop, known, series_list)
        stop.check()
        print_inventory(console, inventory, settings.pixels.n_workers, known.slices_per_second)
        if not losses:  # a scan would stop before this check
            check_images(store, roots, [str(path) for path in paths])
    if out is not None:
        write_table(out / "dry-run.csv", INVENTORY_COLUMNS, inventory.rows())
    return inventory


def _inventory(
    store: Store,
    settings: Settings,
    limit: int | None,
    stop: Shutdown,
    known: KnownResults,
    series_list: SeriesList,
) -> Inventory:
    inventory = Inventory(files=store.files.count())
    for header_study in stop.until(islice(store.files.header_studies(), limit)):
        for study in assemble(*store.files.instances(header_study)):
            inventory.studies += 1
            for series in study.series:
                decision = select(series, settings.selection)
                is_done = decision.wanted and known.has(series.key, series.fingerprint)
                inventory.add(series, decision, is_done=is_done)
                series_list.add(series, decision, is_done=is_done)
    for note in store.series.notes():
        inventory.add_note(note)
    return inventory
