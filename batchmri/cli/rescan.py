"""`batchmri rescan`."""

from pathlib import Path

import click

from batchmri.cli.options import quiet_option, say, state_option


@click.command("rescan")
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("studies", nargs=-1, required=True, metavar="STUDY...")
@state_option
@quiet_option
def command(out: Path, studies: tuple[str, ...], state: Path | None) -> None:
    """Let the next scan of OUT read and classify these studies again.

    STUDY is a study_uid or source of studies.csv. Until the next scan, the studies are missing in
    the tables. To repeat all work, use scan --rescan.
    """
    from batchmri.pipeline.commands.studies_command import rescan

    for uid in rescan(out, studies, state=state):
        say(f"{uid}: will be processed again by the next scan")
