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


@command.command("counterfactual")
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
def counterfactual(table: Path, out: Path) -> None:
    """Add to the TABLE pictures with tumours removed and transplanted, and controls."""
    from batchmri.training.counterfactual import build_counterfactuals

    for (source, label), count in sorted(build_counterfactuals(table, out).items()):
        click.echo(f"{count:6d} {source} {label}")
