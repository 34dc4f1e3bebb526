"""`batchmri explain`."""

from pathlib import Path

import click

from batchmri.cli.options import log_format_option, state_option
from batchmri.outputs.console import LogFormat


@click.command("explain")
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("name", metavar="STUDY|PATH")
@state_option
@log_format_option
def command(out: Path, name: str, state: Path | None, log_format: LogFormat) -> None:
    """Show everything known about a study, a file or a folder, and the reasons of a verdict.

    STUDY is a study_uid or source of studies.csv; PATH is a file or folder of the archive, or its
    source.
    Slices are counted from 1, as in pictures; slice_index and deciding_slice count from 0.
    """
    from batchmri.outputs.console import Console
    from batchmri.pipeline.commands.explain import explain

    console = Console(log_format)
    for line in explain(out, name, state=state):
        console.say(line)
