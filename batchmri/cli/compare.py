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
    """List the studies whose verdicts differ between two outputs, such as those of two models.

    Studies that are in only one of them are listed separately.
    """
    from batchmri.outputs.console import Console
    from batchmri.pipeline.commands.compare import COLUMNS, compare

    found, console = compare(first, second, table=table), Console(log_format)
    pairs = tuple(column.name for column in COLUMNS[1:-1])
    for title, names, rows in (
        ("Studies with different verdicts", pairs, found.rows),
        (
            "Studies only in the first output",
            ("source", "verdict_1", "p_tumor_1"),
            found.only_first,
        ),
        (
            "Studies only in the second output",
            ("source", "verdict_2", "p_tumor_2"),
            found.only_second,
        ),
    ):
        if rows:
            console.table(title, names, [tuple(row[name] for name in names) for row in rows])
    console.say(
        f"Studies with different verdicts: {len(found.rows)}; with the same: {found.n_equal}; "
        f"only in the first output: {len(found.only_first)}; "
        f"only in the second: {len(found.only_second)}."
    )
