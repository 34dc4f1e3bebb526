"""Evaluate heat maps: pointing game, energy in the mask, repeatability, random weights.

    python -m experiments.b1.heatmaps SHARED_DATA TABLE.csv MODEL... [--final]

The first model is measured by source, class and place. Every further model (a training with another
seed, an earlier one) is compared with it, and so is a network with random weights. Intervals are
95% by bootstrap over patients. `--final` adds the leak-free test and pituitary-coronal, on which no
choice may depend. No mask marks a tumor below the tentorium, so such tumors cannot be measured.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from batchmri.evaluation.inference import RowPredictions, predict, run
from batchmri.evaluation.intervals import Measure
from batchmri.evaluation.localization import localization_measures, randomization_measure, redrawn
from batchmri.evaluation.map_agreement import agreement_measures, random_network
from batchmri.model.backends.base import Backend
from batchmri.model.backends.registry import choose, load_backend
from batchmri.model.card import Card
from batchmri.model.checkpoint import load_checkpoint
from batchmri.model.network import ClassMapNetwork
from batchmri.preparation.transforms import PreparationSettings
from batchmri.settings.classifier import ClassifierSettings
from batchmri.training.images import read_mask
from batchmri.training.table import Row, read_rows
from experiments.b1.cases import pituitary_coronal, volume_series

_SELLA = ("pituitary",)  # classes of tumors of the sella
_SUBSETS = {"val": "validation", "test": "FINAL leak-free test"}


def masked_rows(shared_data: Path, table: Path, final: bool) -> dict[str, list[Row]]:
    """Return the images with a tumor mask by source; names mark volumes that were trained on."""
    found: dict[str, list[Row]] = defaultdict(list)
    splits = ("val", "test") if final else ("val",)
    for row in read_rows(table):
        if row.mask is not None and row.source == "brain-tumor-mri" and row.split in splits:
            found[_SUBSETS[row.split]].append(row)
        elif row.mask is not None and row.source == "lgg" and row.split == "dev":
            found["low-grade gliomas"].append(row)
    for case in volume_series(shared_data):
        if case.mask is not None:
            name = f"{case.group}, trained on" if case.trained else case.group
            found[name] += case.masked_rows
    if final:
        folder = shared_data / "external-dev" / "pituitary-coronal"
        rows = [row for case in pituitary_coronal(folder) for row in case.rows]
        found["FINAL pituitary-coronal"] = [row for row in rows if row.mask is not None]
    return {name: [row for row in rows if read_mask(row).any()] for name, rows in found.items()}


class _Model:
    """A network that is run on rows with the preparation of its card."""

    def __init__(self, network: ClassMapNetwork, card: Card) -> None:
        self.network, self.card = network, card
        self.backend = _backend(network, card)

    def predictions(self, rows: Sequence[Row]) -> RowPredictions:
        """Return the predictions for rows; patients are the bootstrap groups."""
        persons = [row.person or str(row.file) for row in rows]
        groups = np.unique(persons, return_inverse=True)[1].astype(np.int64)
        return predict(rows, self.backend, self.card, groups, lambda _: None)


def _backend(network: ClassMapNetwork, card: Card) -> Backend:
    return load_backend(network, card, choose(ClassifierSettings(precision="fp32")))


def measures(
    first: _Model, others: dict[str, _Model], rows: dict[str, list[Row]]
) -> Iterator[Measure]:
    """Measure every subset."""
    random = _Model(random_network(first.network, first.card.last_stride), first.card)
    settings = PreparationSettings.model_validate(first.card.preparation)
    last_layer = _backend(redrawn(first.network), first.card)
    for subset, own in rows.items():
        found = first.predictions(own)
        yield from localization_measures(subset, found)
        yield from by_place(subset, found)
        yield from randomization_measure(
            subset, found, run(own, last_layer, settings, lambda _: None)
        )
        for name, other in {"all weights random": random, **others}.items():
            yield from agreement_measures(f"{subset}, {name}", found, other.predictions(own))


def by_place(subset: str, found: RowPredictions) -> Iterator[Measure]:
    """Measure tumors of the sella and the others separately, if there are both."""
    in_sella = np.array([found.classes[label] in _SELLA for label in found.labels])
    for place, chosen in (("sella", in_sella), ("supratentorial or unknown", ~in_sella)):
        if chosen.any() and not chosen.all():
            part = found.part(np.flatnonzero(chosen))
            for one in localization_measures(f"{subset}, {place}", part):
                if not one.of:
                    yield one


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared_data", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--final", action="store_true")
    given = parser.parse_args()
    models = {
        f"{path.parent.name}/{path.name}": _Model(*load_checkpoint(path)[:2])
        for path in given.models
    }
    first, *_ = models.values()
    others = dict(list(models.items())[1:])
    rows = masked_rows(given.shared_data, given.table, given.final)
    print("| images | class | measure | value | 95% | n |\n|---|---|---|---|---|---|")
    for one in measures(first, others, rows):
        interval = "" if one.low is None else f"{one.low:.2f}-{one.high:.2f}"
        print(
            f"| {one.subset} | {one.of} | {one.metric} | {one.value:.3f} | {interval} | {one.n} |"
        )


if __name__ == "__main__":
    main()
