"""`batchmri compare`."""

from pathlib import Path

import click

from batchmri.cli.options import log_format_option
from batchmri.outputs.console import LogFormat


@click.command("compare")
@click.argument("first", metavar="OUT1", type=click.Path(path_type=Path))
@click.argument("second", metavar="OUT2", type=click.Path(path_type=Path))
@click.option(
    "--csv", "table", type=click.Path(path_type=Path), help="Write the table to this file, too."
)
@log_format_option
def command(first: Path, second: Path, table: Path | None, log_format: LogFormat) -> None:
    """List the studies whose verdicts differ between two outputs, such as those of two models."""
    from batchmri.outputs.console import Console
    from batchmri.pipeline.commands.compare import COLUMNS, compare

    found, console = compare(first, second, table=table), Console(log_format)
    names = tuple(column.name for column in COLUMNS[1:])
    rows = [tuple(row[name] for name in names) for row in found.rows]
    if rows:
        console.table("Studies with different verdicts", names, rows)
    console.say(f"Studies with different verdicts: {len(rows)}; with the same: {found.n_equal}.")
