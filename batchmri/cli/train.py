"""`batchmri train`."""

import logging
from pathlib import Path

import click

from batchmri.cli.options import config_option, quiet_option, say


@click.command("train")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@config_option
@click.option("--resume", is_flag=True, help="Continue the training in --out.")
@quiet_option
def command(data: Path, out: Path, config: Path | None, resume: bool) -> None:
    """Train a classifier from labeled images.

    DATA contains a folder per class, or such folders per split (Training and Testing, or train,
    val, test), or it is a table (CSV). Without a folder for val, every tenth image of train
    (val_step) is used for val.

    Columns of a table: file, label, split (train, val, test, dev); optional: source, patient,
    weight, mask, mask_use (full, outside), slice and plane (file is then a NIfTI volume). Files
    are relative to the table.
    """
    from batchmri.training.settings import TrainSettings
    from batchmri.training.train import train

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    card = train(data, out, TrainSettings.load(config), resume)
    for split, metrics in card.metrics.items():
        for name, value in metrics.items():
            say(f"{split} {name} {value}")
