"""`batchmri calibrate`."""

from pathlib import Path

import click

from batchmri.cli.options import (
    config_option,
    load_settings,
    log_format_option,
    quiet_option,
    state_option,
)
from batchmri.outputs.console import LogFormat

_RATE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command("calibrate")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    required=True,
    help="CSV with the column label and one of series_uid, study_uid and source.",
)
@click.option(
    "--to", type=click.Path(path_type=Path), required=True, help="Calibration file to write (YAML)."
)
@click.option(
    "--target-fpr",
    type=_RATE,
    default=0.05,
    show_default=True,
    help="Share of tumor-free series that may be called a tumor.",
)
@click.option(
    "--target-fnr",
    type=_RATE,
    default=0.1,
    show_default=True,
    help="Share of tumors that may be called tumor-free.",
)
@click.option(
    "--target-class-error",
    type=_RATE,
    default=0.15,
    show_default=True,
    help="Share of wrong classes among tumors that get a class.",
)
@config_option
@state_option
@log_format_option
@quiet_option
def command(
    out: Path,
    labels: Path,
    to: Path,
    target_fpr: float,
    target_fnr: float,
    target_class_error: float,
    config: Path | None,
    state: Path | None,
    log_format: LogFormat,
) -> None:
    """Fit temperature and thresholds to labeled series of OUT, a finished scan.

    A label is a class of the model, or `tumor` for another or an unknown kind. No pixels are read.
    Use the file with --calibration. Research use only, not a medical device.
    """
    from batchmri.pipeline.commands.calibrate import calibrate
    from batchmri.verdict.site_rules import Targets

    calibrate(
        out,
        labels,
        to,
        targets=Targets(target_fpr, target_fnr, target_class_error),
        settings=load_settings(config, {}),
        state=state,
        log_format=log_format,
    )
