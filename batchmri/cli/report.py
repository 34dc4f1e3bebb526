"""`batchmri report`."""

from pathlib import Path
from typing import Any

import click

from batchmri.cli.options import (
    GroupedCommand,
    config_option,
    load_settings,
    quiet_option,
    say,
    state_option,
)


@click.command("report", cls=GroupedCommand)
@click.argument("out", type=click.Path(path_type=Path))
@config_option
@state_option
@quiet_option
def command(out: Path, config: Path | None, state: Path | None, **flags: Any) -> None:
    """Write the HTML report of OUT from earlier results, without the archive and the model.

    Verdict rules are those of the last scan or reclassification. Only pictures that an earlier scan
    drew are shown.
    """
    from batchmri.pipeline.commands.reexport import write_report

    index = write_report(out, settings=load_settings(config, flags), state=state)
    say(f"Report: {index}")
