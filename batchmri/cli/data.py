"""`batchmri data`."""

from pathlib import Path

import click

from batchmri.cli.options import log_format_option, quiet_option, say
from batchmri.outputs.console import LogFormat


@click.group("data")
def command() -> None:
    """Audit training data and add synthetic images."""


@command.command("counterfactual")
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option(
    "--place",
    type=click.Choice(["same", "infratentorial"]),
    default="same",
    show_default=True,
    help="Where tumors go: to the position they had, or below the tentorium.",
)
@quiet_option
def counterfactual(table: Path, out: Path, place: str) -> None:
    """Add synthetic images to TABLE: tumors removed or transplanted, and controls.

    With --place infratentorial, only tumors transplanted to the posterior fossa and their controls
    are added.
    """
    from batchmri.synthetic.build import build_counterfactuals, build_infratentorial

    build = build_infratentorial if place == "infratentorial" else build_counterfactuals
    made = build(table, out)
    for (source, label), count in sorted(made.items()):
        say(f"{count:6d} {source} {label}")
    if not made:
        say("no two heads are similar enough: no images were made")


@command.command("audit")
@click.argument(
    "folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path)
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option(
    "--groups",
    type=click.Path(path_type=Path),
    help="CSV with the column file (relative to the CSV) and patient, person or source.",
)
@log_format_option
@quiet_option
def audit(folders: tuple[Path, ...], out: Path, groups: Path | None, log_format: LogFormat) -> None:
    """Audit labeled images: unusual files, duplicates, leaks, label conflicts, shortcuts, a split.

    Each DIR contains one folder per class, or such folders per split.
    """
    from batchmri.audit.audit import audit_data
    from batchmri.outputs.console import Console

    audit_data(folders, out, groups, Console(log_format))
