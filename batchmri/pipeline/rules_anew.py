"""Changed verdict rules: the tables anew from the state, without a pixel."""

from pathlib import Path

from batchmri.errors import UsageError
from batchmri.pipeline.export import Totals, export
from batchmri.pipeline.lock import hold
from batchmri.pipeline.made_with import known_classes
from batchmri.report import Console, LogFormat, print_summary
from batchmri.settings import Settings
from batchmri.state import Store


def reverdict(
    out: str | Path, *, settings: Settings | None = None, log_format: LogFormat = "auto"
) -> Totals:
    """Rewrite the tables of an output under today's verdict rules.

    Picture columns that the rules no longer honour are blank until the next scan. Raises
    UsageError where `out` holds no results.
    """
    output = Path(out)
    if not (output / "state.db").is_file():
        raise UsageError(f"{output}: no results here (no state.db); run batchmri scan first")
    with hold(output), Store(output / "state.db") as store:
        classes = known_classes(store)
        totals = export(store, classes, settings or Settings.load(), output, draw=False)
    print_summary(Console(log_format), totals, output)
    return totals
