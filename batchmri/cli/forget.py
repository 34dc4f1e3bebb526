"""`batchmri forget`."""

from pathlib import Path

import click

from batchmri.cli.options import quiet_option, say, state_option


@click.command("forget")
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("studies", nargs=-1, required=True, metavar="STUDY...")
@state_option
@quiet_option
def command(out: Path, studies: tuple[str, ...], state: Path | None) -> None:
    """Delete the results of these studies from OUT: rows, pictures, DICOM objects and state.

    STUDY is a study_uid or source of studies.csv. Files of the archive are not touched: a later
    scan that finds them treats the study as new.
    """
    from batchmri.pipeline.commands.studies_command import forget

    for uid in forget(out, studies, state=state):
        say(f"{uid}: forgotten")
