"""`batchmri evaluate`."""

import sys
from pathlib import Path
from typing import Any

import click

from batchmri.cli.options import (
    config_option,
    load_settings,
    log_format_option,
    option_of,
    quiet_option,
)
from batchmri.outputs.console import LogFormat

_INCOMPLETE_SCAN = 2  # smallest exit code of a scan with incomplete tables


@click.command("evaluate")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@option_of("classifier.model", "--model", type=click.Path(path_type=Path))
@option_of("classifier.device", "--device")
@option_of("classifier.precision", "--precision", default="fp32", show_default=True)
@option_of("classifier.batch_size", "--batch-size", metavar="auto|N")
@config_option
@click.option(
    "--split",
    help="Rows evaluated: train, val, test, dev or all. Default: test, if it exists.",
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    help="CSV that lists which files show the same image: adds leak-free results.",
)
@click.option(
    "--trained-on",
    type=click.Path(path_type=Path),
    help="Folder or table that the model was trained on: adds leak-free results.",
)
@click.option("--randomized", is_flag=True, help="Compare heat maps with a random last layer.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV of path and label: DATA is a folder of volumes, which is scanned into OUT/scan.",
)
@log_format_option
@quiet_option
def command(
    data: Path,
    out: Path,
    config: Path | None,
    split: str | None,
    manifest: Path | None,
    trained_on: Path | None,
    randomized: bool,
    labels: Path | None,
    log_format: LogFormat,
    **flags: Any,
) -> None:
    """Evaluate a model on DATA: a folder per class, a table of images, or volumes (--labels).

    Writes metrics (JSON, CSV, text), predictions and plots to OUT. Research use only.
    """
    from batchmri.evaluation.evaluate_images import EvaluationRequest, evaluate_images
    from batchmri.outputs.console import Console

    settings = load_settings(config, flags)
    console = Console(log_format)
    if labels is None:
        request = EvaluationRequest(data, split, manifest, trained_on, randomized)
        evaluate_images(request, settings.classifier, out, console)
        return
    if manifest or trained_on or randomized:
        raise click.UsageError(
            "--manifest, --trained-on and --randomized apply to images, not to volumes"
        )

    from batchmri.evaluation.evaluate_volumes import evaluate_volumes
    from batchmri.evaluation.volume_labels import read_volume_labels
    from batchmri.model.card import SHIPPED, read_card
    from batchmri.pipeline.engines.slice_access import read_slices
    from batchmri.pipeline.scan import scan

    # Volumes are matched by `source`, which root labels would change.
    archive = settings.archive.model_copy(update={"root_labels": {}})
    settings = settings.model_copy(update={"archive": archive})
    card = read_card(settings.classifier.model or SHIPPED)
    found = read_volume_labels(labels, data, split, card.classes)
    scanned = scan([data], out=out / "scan", settings=settings, log_format=log_format)
    if scanned.exit_code >= _INCOMPLETE_SCAN:
        sys.exit(scanned.exit_code)
    evaluate_volumes(
        data,
        found,
        out / "scan",
        card,
        out,
        console,
        read=lambda places: read_slices(out / "scan", settings, places),
    )
