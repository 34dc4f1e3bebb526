"""`batchmri verdict`."""

from pathlib import Path
from typing import Any

import click

from batchmri.cli.options import config_option, log_format_option, option_of, sections, state_option
from batchmri.report import LogFormat
from batchmri.settings import Settings


@click.command("verdict")
@click.argument("out", type=click.Path(path_type=Path))
@config_option
@option_of("verdict.top_slices", "--top-slices", metavar="K")
@option_of("verdict.min_confidence", "--min-confidence", type=float)
@option_of("verdict.min_box_fraction", "--min-box-fraction", type=float)
@state_option
@log_format_option
def command(
    out: Path, config: Path | None, state: Path | None, log_format: LogFormat, **flags: Any
) -> None:
    """Apply changed verdict rules to OUT: rewrites its tables from what was found before.

    Pictures that the new rules want and that were not drawn are left blank until the next scan.
    """
    from batchmri import pipeline

    settings = Settings.load(config, **sections(flags))
    pipeline.reverdict(out, settings=settings, state=state, log_format=log_format)
