"""`batchmri scan`."""

import sys
from pathlib import Path
from typing import Any

import click

from batchmri.cli.options import config_option, log_format_option, option_of, sections, state_option
from batchmri.report import LogFormat
from batchmri.settings import Settings


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for tables and pictures.")
@config_option
@option_of("classifier.model", "--model", type=click.Path(path_type=Path))
@option_of("classifier.device", "--device")
@option_of("classifier.precision", "--precision")
@option_of("classifier.batch_size", "--batch-size", metavar="auto|N")
@option_of("pixels.workers", "--workers", metavar="auto|N")
@option_of("report.gradcam", "--gradcam", metavar="top:K|all|none")
@option_of("report.slices", "--slices", metavar="all|deciding|none")
@option_of("report.descriptions", "--descriptions/--no-descriptions", default=None)
@option_of("report.identifiers", "--identifiers", is_flag=True, default=None)
@option_of("report.group_readable", "--group-readable", is_flag=True, default=None)
@option_of("archive.exclude", "--exclude", multiple=True, metavar="GLOB")
@option_of("archive.follow_links", "--follow-links", is_flag=True, default=None)
@option_of("selection.all_sequences", "--all-sequences", is_flag=True, default=None)
@option_of("night.settle", "--settle", metavar="10m")
@option_of("night.time_budget", "--time-budget", metavar="6h")
@option_of("night.max_failures", "--max-failures", metavar="N|P%")
@option_of("night.metrics_file", "--metrics-file", type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), help="Studies at most, for a trial.")
@click.option("--dry-run", is_flag=True, help="Say what is there and what would be done.")
@click.option("--rescan", is_flag=True, help="Forget earlier results of this output.")
@click.option("--allow-shrink", is_flag=True, help="Go on though much of the archive is gone.")
@click.option("--retry-failed", is_flag=True, help="Try again whatever failed.")
@state_option
@log_format_option
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
    """Classify every brain MRI series below PATH..., a folder, a file, or - for a list.

    Finished work is kept in OUT: the next run only does what is new. Research use only, not a
    medical device.
    """
    from batchmri import pipeline

    settings = Settings.load(config, **sections(flags))
    if dry_run:
        pipeline.dry_run(paths, settings=settings, out=out, limit=limit, log_format=log_format)
        return
    if out is None:
        raise click.UsageError("--out DIR is needed (or --dry-run)")
    options = pipeline.ScanOptions(
        limit=limit,
        rescan=rescan,
        allow_shrink=allow_shrink,
        retry_failed=retry_failed,
        state=state,
    )
    outcome = pipeline.scan(
        paths, out=out, settings=settings, options=options, log_format=log_format
    )
    sys.exit(outcome.exit_code)
