"""Average the weights of several trainings, and fit the domain model: the result is not calibrated.

    python -m experiments.b1.finish TABLE.csv RUN CONFIG.yaml OUT.safetensors MODEL...

RUN is the folder of a training, whose prepared images are used. CONFIG.yaml is that of the
trainings.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from batchmri.model.checkpoint import save_checkpoint
from batchmri.training.augment import Augmentation
from batchmri.training.dataset import (
    AugmentedImages,
    PreparedImages,
    prepare_table,
    row_probabilities,
)
from batchmri.training.fit import recompute_batch_statistics
from batchmri.training.fit_ood import fit_ood
from batchmri.training.settings import TrainSettings
from batchmri.training.table import classes_of, read_table
from batchmri.training.train import card_of, first_network

_BATCHES = 100  # on which the batch statistics of the mean are measured
_SEED = 5


def part(prepared: PreparedImages, splits: tuple[str, ...]) -> PreparedImages:
    """The rows of some splits."""
    kept = [index for index, row in enumerate(prepared.rows) if row.split in splits]
    return PreparedImages(
        [prepared.rows[index] for index in kept],
        prepared.images[kept],
        prepared.masks,
        prepared.mask_of[kept],
        prepared.boxes[kept],
    )


def main() -> None:
    """Write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("models", nargs="+")
    given = parser.parse_args()
    settings = TrainSettings.load(given.config).model_copy(update={"init": tuple(given.models)})
    rows = read_table(given.table)
    classes = classes_of(rows, settings.any_tumor_label)
    torch.set_num_threads(settings.threads or 1)
    prepared = prepare_table(rows, given.run, settings.preparation)
    network = first_network(settings, classes).to(memory_format=torch.channels_last)
    images = AugmentedImages(
        prepared, classes, settings.no_tumor_class, settings.preparation, Augmentation(), _SEED
    )
    drawn = np.random.default_rng(_SEED).choice(
        len(rows),
        (_BATCHES, settings.batch_size),
        p=row_probabilities(rows, classes, settings.sampling_weights),
    )
    recompute_batch_statistics(network, images, drawn, settings.frozen_stages)
    card = card_of(settings, classes, prepared)
    found = fit_ood(network.eval(), part(prepared, ("train", "val")), settings.preparation)
    if found is None:
        raise SystemExit("too few images for a domain")
    metrics = {"domain": found[1]}
    save_checkpoint(given.out, network, card.model_copy(update={"metrics": metrics}), found[0])
    print(f"{given.out}: {found[1]}")


if __name__ == "__main__":
    main()
