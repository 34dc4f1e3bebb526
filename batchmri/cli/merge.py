"""`batchmri merge`."""

from pathlib import Path

import click

from batchmri.cli.options import log_format_option, quiet_option
from batchmri.outputs.console import LogFormat


@click.command("merge")
@click.argument(
    "outputs", metavar="OUT...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="New output folder.")
@log_format_option
@quiet_option
def command(outputs: tuple[Path, ...], out: Path, log_format: LogFormat) -> None:
    """Join outputs that were made separately, such as one per folder of an archive.

    The tables are those of one scan of all folders. The archive is not read. The outputs must have
    been made with the same model and settings.
    """
    from batchmri.pipeline.commands.merge import merge

    merge(outputs, out=out, log_format=log_format)
