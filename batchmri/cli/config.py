"""`batchmri config`."""

from pathlib import Path

import click

from batchmri.cli.options import config_option
from batchmri.settings import Settings


@click.group("config")
def command() -> None:
    """Show the effective settings."""


@command.command("show")
@config_option
def show(config: Path | None) -> None:
    """Print the settings that a scan would use, as a config file (YAML)."""
    click.echo(Settings.load(config).dump(), nl=False)
