"""`batchmri reclassify`."""

from pathlib import Path
from typing import Any

import click

from batchmri.cli.options import (
    GroupedCommand,
    calibration_flag,
    config_option,
    load_settings,
    log_format_option,
    quiet_option,
    state_option,
    verdict_flags,
)
from batchmri.outputs.console import LogFormat


@click.command("reclassify", cls=GroupedCommand)
@click.argument("out", type=click.Path(path_type=Path))
@config_option
@calibration_flag
@verdict_flags
@state_option
@log_format_option
@quiet_option
def command(
    out: Path, config: Path | None, state: Path | None, log_format: LogFormat, **flags: Any
) -> None:
    """Apply changed verdict rules to OUT and rewrite its tables from earlier results.

    Pictures that the new rules require but that do not exist yet are blank until the next scan.
    """
    from batchmri.pipeline.commands.reclassify import reclassify

    settings = load_settings(config, flags)
    reclassify(out, settings=settings, state=state, log_format=log_format)
