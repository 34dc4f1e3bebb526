"""`batchmri export`: write the results of an output in further formats, from its state alone."""

from collections.abc import Sequence
from pathlib import Path

from batchmri.errors import UsageError
from batchmri.outputs.atomic_write import readers
from batchmri.outputs.html.folder import INDEX
from batchmri.outputs.sinks import HTML, chosen
from batchmri.pipeline.export import export
from batchmri.pipeline.run.last_export import last_settings
from batchmri.pipeline.run.lock import hold
from batchmri.pipeline.run.output_folder import state_path
from batchmri.pipeline.run.provenance import known_classes, known_rules
from batchmri.settings import Settings
from batchmri.state.store import Store


def reexport(
    out: str | Path, *, settings: Settings | None = None, state: Path | None = None
) -> Sequence[str]:
    """Write the tables of an output in `report.formats`; returns the formats.

    Everything else is as in the last export: the verdict rules, and the columns and slices that are
    listed. Raises UsageError if `out` contains no results.
    """
    given = settings or Settings.load()
    formats = tuple(dict.fromkeys(("csv", *given.report.formats)))
    _write(Path(out), given, state, formats)
    return formats


def write_report(
    out: str | Path, *, settings: Settings | None = None, state: Path | None = None
) -> Path:
    """Write the HTML report of an output from its state; returns the path of its index page.

    Pictures appear where an earlier scan drew them. Raises UsageError if `out` contains no results.
    """
    _write(Path(out), settings or Settings.load(), state, (HTML,))
    return Path(out) / INDEX


def _write(output: Path, given: Settings, state: Path | None, sinks: Sequence[str]) -> None:
    database = state_path(output, state)
    if not database.is_file():
        raise UsageError(f"{output}: no results here (no state.db); run batchmri scan first")
    with hold(output, database.parent), Store(database) as store:
        last = last_settings(store) or given.with_model_rules(known_rules(store))
        report = last.report.model_copy(update={"formats": given.report.formats})
        now = given.model_copy(update={"verdict": last.verdict, "report": report})
        with readers(group=report.group_readable):
            chosen(now)  # reports an unknown format
            classes = known_classes(store)
            export(store, classes, now, output, draw=False, keep=False, sinks=sinks)
