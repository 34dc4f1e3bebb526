"""`batchmri scan`."""

import sys
from pathlib import Path
from typing import Any

import click

from batchmri.cli.options import (
    GroupedCommand,
    config_option,
    load_settings,
    log_format_option,
    scan_flags,
    state_option,
    verbosity_options,
)
from batchmri.outputs.console import LogFormat


@click.command("scan", cls=GroupedCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for tables and pictures.")
@config_option
@scan_flags
@click.option(
    "--limit", type=click.IntRange(min=1), help="Maximum number of studies, for a trial run."
)
@click.option(
    "--dry-run", is_flag=True, help="Show what the folders contain and what a scan would do."
)
@click.option("--rescan", is_flag=True, help="Replace earlier results of this output.")
@click.option(
    "--allow-shrink",
    is_flag=True,
    help="Accept that known files have disappeared, even many, or below a missing mount.",
)
@click.option("--retry-failed", is_flag=True, help="Retry everything that failed.")
@state_option
@log_format_option
@verbosity_options
def command(
    paths: tuple[str, ...],
    out: Path | None,
    config: Path | None,
    dry_run: bool,
    log_format: LogFormat,
    limit: int | None,
    rescan: bool,
    allow_shrink: bool,
    retry_failed: bool,
    state: Path | None,
    **flags: Any,
) -> None:
    """Classify every brain MRI series below PATH: a folder, a file, or - for a list on stdin.

    Finished work is kept in OUT: the next run processes only what is new. Research use only, not a
    medical device.
    """
    settings = load_settings(config, flags)
    if settings.engine.name == "local" and (dry_run or not _has_state(out, state)):
        from batchmri.pipeline.engines.worker_server import SERVER

        SERVER.ensure_running()  # it imports the readers while this process imports the rest
    if dry_run:  # without torch, which takes seconds to import
        from batchmri.pipeline.commands.dry_run import dry_run as run_dry

        run_dry(
            paths,
            settings=settings,
            out=out,
            limit=limit,
            allow_shrink=allow_shrink,
            state=state,
            log_format=log_format,
        )
        return
    if out is None:
        raise click.UsageError("name an output folder with --out DIR, or use --dry-run")

    from batchmri.pipeline.run.scan_options import ScanOptions
    from batchmri.pipeline.scan import scan

    options = ScanOptions(
        limit=limit,
        rescan=rescan,
        allow_shrink=allow_shrink,
        retry_failed=retry_failed,
        state=state,
    )
    outcome = scan(paths, out=out, settings=settings, options=options, log_format=log_format)
    sys.exit(outcome.exit_code)


def _has_state(out: Path | None, state: Path | None) -> bool:
    folder = state or out
    return folder is not None and (folder / "state.db").exists()
