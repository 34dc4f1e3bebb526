"""`batchmri status`."""

from pathlib import Path

import click

from batchmri.cli.options import log_format_option, state_option
from batchmri.outputs.console import LogFormat


@click.command("status")
@click.argument("out", type=click.Path(path_type=Path))
@state_option
@log_format_option
def command(out: Path, state: Path | None, log_format: LogFormat) -> None:
    """Show the last runs of OUT, its contents, failures and pending work."""
    from batchmri.outputs.console import Console
    from batchmri.outputs.summary import print_status
    from batchmri.pipeline.commands.status import status

    print_status(Console(log_format), status(out, state=state))
