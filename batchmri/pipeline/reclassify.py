"""`batchmri reclassify`: rewrite the tables from the state under changed verdict rules."""

from pathlib import Path

from batchmri.errors import UsageError
from batchmri.outputs.atomic_write import readers
from batchmri.outputs.console import Console, LogFormat
from batchmri.outputs.summary import print_summary
from batchmri.pipeline.export import Totals, export
from batchmri.pipeline.lock import hold
from batchmri.pipeline.output_folder import state_path
from batchmri.pipeline.provenance import known_classes, known_rules
from batchmri.settings import Settings
from batchmri.state.store import Store


def reclassify(
    out: str | Path,
    *,
    settings: Settings | None = None,
    state: Path | None = None,
    log_format: LogFormat = "auto",
) -> Totals:
    """Rewrite the tables of an output under the current verdict rules.

    Picture columns are blank where the pictures do not match the new rules, until the next scan.
    Raises UsageError if `out` contains no results.
    """
    output, settings = Path(out), settings or Settings.load()
    database = state_path(output, state)
    if not database.is_file():
        raise UsageError(f"{output}: no results here (no state.db); run batchmri scan first")
    with (
        readers(group=settings.report.group_readable),
        hold(output, database.parent),
        Store(database) as store,
    ):
        rules = settings.with_model_rules(known_rules(store))
        totals = export(store, known_classes(store), rules, output, draw=False)
    print_summary(Console(log_format), totals, output)
    return totals
