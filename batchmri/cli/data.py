"""`batchmri data`."""

from pathlib import Path

import click


@click.group("data")
def command() -> None:
    """Tables of training data."""


@command.command("table")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="CSV to write.")
def table(folder: Path, out: Path) -> None:
    """Write the table of the shipped model's training data from the FOLDER it lies in."""
    from batchmri.training import build_table

    click.echo(f"{build_table(folder, out)} rows in {out}")
