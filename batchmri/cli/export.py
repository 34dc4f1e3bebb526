"""`batchmri export`."""

from pathlib import Path
from typing import Any

import click

from batchmri.cli.options import (
    GroupedCommand,
    config_option,
    formats_flag,
    load_settings,
    quiet_option,
    say,
    state_option,
)


@click.command("export", cls=GroupedCommand)
@click.argument("out", type=click.Path(path_type=Path))
@config_option
@formats_flag
@state_option
@quiet_option
def command(out: Path, config: Path | None, state: Path | None, **flags: Any) -> None:
    """Write the tables of OUT in further formats, from earlier results.

    Verdict rules and contents are those of the last scan or reclassification.
    """
    from batchmri.pipeline.commands.reexport import reexport

    formats = reexport(out, settings=load_settings(config, flags), state=state)
    say(f"Wrote the tables as {', '.join(formats)} into {out}")
