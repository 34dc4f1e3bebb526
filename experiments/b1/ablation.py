"""Ablation study: short trainings from ImageNet weights, each without one source or technique.

    python -m experiments.b1.ablation TABLE OUT [NAME ...]

TABLE is the output of `batchmri data counterfactual`. Without names, all variants are trained one
after the other. Finished trainings are not repeated. Prints one line of metrics for each finished
training. The share of each class in the samples is the same in all variants.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from batchmri.model.card import read_card
from batchmri.preparation.transforms import PreparationSettings
from batchmri.training.settings import TrainSettings
from batchmri.training.train import CHECKPOINT, train

CONFIGS = Path(__file__).parent / "release-0.1"
SHARES = TrainSettings.load(CONFIGS / "wide.yaml").sampling_weights
EVERYTHING = TrainSettings(
    init="lite1",
    preparation=PreparationSettings(size=128),
    epochs=1,
    samples_per_epoch=9000,
    ema_decay=0.98,
    sampling_weights=SHARES,
    threads=1,
)


def without(*sources: str) -> dict[str, Any]:
    """Return the sampling shares without some sources, scaling up the others of each class."""
    kept = {source: dict(shares) for source, shares in SHARES.items() if source not in sources}
    for label in SHARES["brain-tumor-mri"]:
        total, left = (
            sum(shares.get(label, 0) for shares in group.values()) for group in (SHARES, kept)
        )
        for shares in kept.values():
            if label in shares:
                shares[label] *= total / left
    return {"sampling_weights": kept}


ALONE = without(*SHARES.keys() - {"brain-tumor-mri"})
VARIANTS: dict[str, dict[str, Any]] = {
    "everything": {},
    "another-seed": {"seed": 1},
    "data-set-alone": ALONE,
    "data-set-alone-no-masks-last-stride": ALONE | {"map_weight": 0.0, "last_stride": True},
    "no-heads": without("heads"),
    "no-low-grade-gliomas": without("lgg"),
    "no-gbm": without("gbm"),
    "no-counterfactuals": without("removed", "control", "transplanted"),
    "no-masks": {"map_weight": 0.0},
    "last-stride": {"last_stride": True},
    "wider-augmentation": {"augmentation": 1.6},
    "hardly-any-augmentation": {"augmentation": 0.1},
    "no-imagenet": {"init": "random"},
}


def metrics_of(out: Path, name: str) -> dict[str, Any]:
    """Return the metrics in the card; empty if the training has not finished."""
    checkpoint = out / name / CHECKPOINT
    written = checkpoint.with_suffix(".json").exists()
    return read_card(checkpoint).metrics if written else {}


def run(table: Path, out: Path, name: str) -> None:
    """Train a variant unless it is finished, with hard links to the other runs' prepared images."""
    if metrics_of(out, name):
        return
    (out / name).mkdir(parents=True, exist_ok=True)
    for prepared in out.glob("*/*-*.npy"):
        own = out / name / prepared.name
        if not own.exists() and ".tmp" not in own.name:
            os.link(prepared, own)
    train(table, out / name, EVERYTHING.model_copy(update=VARIANTS[name]), resume=True)


def finished_rows(out: Path) -> Iterator[dict[str, Any]]:
    """Yield the metrics of finished trainings: val, dev, and the pointing game on test images."""
    for name in VARIANTS:
        if found := metrics_of(out, name):
            yield {
                "training": name,
                "val": found["val"]["accuracy"],
                **found["dev"],
                "pointing": found["test"]["pointing"],
            }


def main(table: Path, out: Path, names: Sequence[str]) -> None:
    """Train the variants, and print the metrics of all that are finished."""
    for name in names or VARIANTS:
        run(table, out, name)
    for row in finished_rows(out):
        print(json.dumps(row))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
