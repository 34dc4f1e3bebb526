"""`batchmri reclassify`: rewrite the tables from the state under changed verdict rules."""

from pathlib import Path

from batchmri.errors import UsageError
from batchmri.outputs.atomic_write import readers
from batchmri.outputs.console import Console, LogFormat
from batchmri.outputs.summary import print_summary
from batchmri.pipeline.export import export
from batchmri.pipeline.run.calibration_file import with_calibration
from batchmri.pipeline.run.last_export import last_settings
from batchmri.pipeline.run.lock import hold
from batchmri.pipeline.run.output_folder import state_path
from batchmri.pipeline.run.provenance import known_classes, known_model, known_rules
from batchmri.pipeline.run.run_report import record_reclassification
from batchmri.pipeline.totals import Totals
from batchmri.settings import Settings
from batchmri.state.store import Store


def reclassify(
    out: str | Path,
    *,
    settings: Settings | None = None,
    state: Path | None = None,
    log_format: LogFormat = "auto",
) -> Totals:
    """Rewrite the tables of an output with the current verdict rules.

    Settings of section `report` that are not given are those of the last export.
    Picture columns are empty where a picture does not match the new rules, until the next scan.
    run.json keeps the record of the last scan and stores the rules of this call under
    `reclassified`. Raises UsageError if `out` contains no results.
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
        classes, model_digest = known_classes(store), known_model(store)
        rules = with_calibration(settings, known_rules(store), model_digest)
        if last := last_settings(store):
            given = {name: getattr(rules.report, name) for name in rules.report.model_fields_set}
            rules = rules.model_copy(update={"report": last.report.model_copy(update=given)})
        totals = export(store, classes, rules, output, draw=False)
        record_reclassification(output, rules)
    print_summary(Console(log_format), totals, output)
    return totals
