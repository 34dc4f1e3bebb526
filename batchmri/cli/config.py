"""`batchmri config`."""

from pathlib import Path
from typing import Any

import click

from batchmri.cli.options import GroupedCommand, config_option, load_settings, scan_flags


@click.group("config")
def command() -> None:
    """Show the effective settings."""


@command.command("show", cls=GroupedCommand)
@config_option
@scan_flags
def show(config: Path | None, **flags: Any) -> None:
    """Print the settings that `batchmri scan` would use, as a config file (YAML).

    The settings come from flags, environment and config file, and the verdict rules also from the
    model card. `batchmri scan --config` with the printed file runs the same scan.
    """
    from batchmri.pipeline.run.provenance import effective_settings

    click.echo(effective_settings(load_settings(config, flags)).dump(), nl=False)
