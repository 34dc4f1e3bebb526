"""Comparison of out-of-distribution scores by the protocol of OpenMIBOOD (Gutbrod et al., 2025).

    python -m experiments.b1.ood SHARED_DATA TABLE.csv WORK RUN MODEL [--final]

Scores are fitted on training images (RUN is the folder of the training). The limit of a score is
the value that 95% of the images in distribution do not exceed: validation images, and
covariate-shifted ones (left-out sources, native resolution, skull-stripped, resaved), each group
with the same weight. For each score, the table shows the share of each group of images within the
limit; for near and far images this is the false positive rate at 95% (FPR@95), where lower is
better. `--final` adds the items of volumes/out-of-field. The last rows repeat the limit, leaving
out one group in distribution at a time.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from batchmri.model.backends.registry import choose, load_backend
from batchmri.model.checkpoint import load_checkpoint
from batchmri.preparation.transforms import PreparationSettings, prepare
from batchmri.records import FloatArray
from batchmri.settings.classifier import ClassifierSettings
from batchmri.training.dataset import PreparedImages, prepare_table
from batchmri.training.images import read_image
from batchmri.training.table import Row, read_table
from experiments.b1.cases import FINAL, all_cases
from experiments.b1.ood_items import Image, far, inverted, out_of_field, shifted
from experiments.b1.ood_scores import Score, fit_scores
from experiments.b1.outputs import Floats, network_outputs, run, weights_key
from experiments.b1.table import ANY_TUMOR

_T1 = ("t1", "t1_contrast")
_KEPT = 0.95
_PER_GROUP = 60  # training images of a source, label and sequence
_PER_CASE_GROUP = 400
_COPIED = 40
IN, NEAR, FAR = "in distribution", "near", "far"


@dataclass(frozen=True)
class Group:
    """Images of one kind: whether they are in distribution, near or far, features and logits."""

    kind: str
    features: FloatArray
    logits: Floats


def compare(scores: Mapping[str, Score], groups: Mapping[str, Group]) -> list[list[str]]:
    """Return the rows of the table: a title, then one value per score."""
    values = {
        name: {what: score(group.features, group.logits) for what, group in groups.items()}
        for name, score in scores.items()
    }
    inside = [what for what, group in groups.items() if group.kind == IN]
    limits = {name: limit([own[what] for what in inside]) for name, own in values.items()}

    def row(what: str, value: Mapping[str, float]) -> list[str]:
        return [what, *(f"{100 * share:.0f}%" for share in value.values())]

    rows = [["images", *scores]]
    for what, group in groups.items():
        shares = {n: float((own[what] <= limits[n]).mean()) for n, own in values.items()}
        rows.append(row(f"{group.kind}: {what} ({len(group.features)})", shares))
    for kind in (NEAR, FAR):
        outside = [what for what, group in groups.items() if group.kind == kind]
        if not outside:
            continue
        fpr = {
            n: float(np.mean([(own[what] <= limits[n]).mean() for what in outside]))
            for n, own in values.items()
        }
        rows.append(row(f"{kind}: FPR@95, mean of groups", fpr))
        auc = {n: _auroc(own, inside, outside) for n, own in values.items()}
        rows.append([f"{kind}: AUROC", *(f"{value:.3f}" for value in auc.values())])
    for what in inside if len(inside) > 1 else ():
        kept = {}
        for name, own in values.items():
            others = limit([own[other] for other in inside if other != what])
            kept[name] = float((own[what] <= others).mean())
        rows.append(row(f"limit without {what}: within", kept))
    return rows


def limit(values: Sequence[Floats]) -> float:
    """Return the limit that admits 95% of groups of scores, each with the same weight."""
    scores = np.concatenate(values)
    weights = np.concatenate([np.full(len(own), 1 / len(own)) for own in values])
    order = np.argsort(scores)
    shares = np.cumsum(weights[order]) / weights.sum()
    return float(scores[order][min(int(np.searchsorted(shares, _KEPT)), len(scores) - 1)])


def _auroc(values: Mapping[str, Floats], inside: Sequence[str], outside: Sequence[str]) -> float:
    names = [*inside, *outside]
    scores = np.concatenate([values[name] for name in names])
    is_out = np.concatenate([np.full(len(values[name]), name in outside) for name in names])
    weights = np.concatenate([np.full(len(values[name]), 1 / len(values[name])) for name in names])
    return float(roc_auc_score(is_out, scores, sample_weight=weights))


class _Network:
    """A network, and a folder in which its outputs are stored."""

    def __init__(self, model: Path, work: Path) -> None:
        self.network, self.card, domain = load_checkpoint(model)
        if domain is None:
            raise SystemExit(f"{model}: it has no domain model")
        self.domain = domain
        self.settings = PreparationSettings.model_validate(self.card.preparation)
        self.backend = load_backend(self.network, self.card, choose(ClassifierSettings()))
        self.work = work

    def of_table(self, name: str, prepared: PreparedImages, indices: Sequence[int]) -> Group:
        """Return the outputs for prepared images."""
        kept = self.work / f"ood-{name}-{weights_key(self.network)}-{len(indices)}.npz"
        if not kept.exists():
            values, features = run(self.backend, prepared, indices, self.settings)
            np.savez(kept, features=features, logits=values)
        arrays = np.load(kept)
        return Group(IN, arrays["features"], arrays["logits"].astype(np.float64))

    def of_images(self, kind: str, images: Iterable[Image]) -> Group:
        """Return the outputs for images as read."""
        pixels = [prepare(image[None], (1.0, 1.0), self.settings).pixels for image in images]
        found = [self.backend.run(one) for one in pixels]
        values = np.concatenate([maps.astype(np.float64).mean((2, 3)) for maps, _ in found])
        return Group(kind, np.concatenate([features for _, features in found]), values)


def training_rows(rows: Sequence[Row]) -> list[int]:
    """Return the T1 images of the train split on which scores are fitted."""
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row.split == "train" and row.sequence in ("", *_T1) and row.label != ANY_TUMOR:
            groups[row.source, row.label, row.sequence].append(index)
    return sorted(index for members in groups.values() for index in _spread(members, _PER_GROUP))


def _spread(members: Sequence[int], most: int) -> list[int]:
    places = np.unique(np.linspace(0, len(members) - 1, most).astype(int))
    return [members[place] for place in places]


def groups_of(
    given: argparse.Namespace, network: _Network, prepared: PreparedImages
) -> dict[str, Group]:
    """Return the groups of images in distribution, near and far."""
    rows = prepared.rows
    val = [i for i, row in enumerate(rows) if row.split == "val" and row.sequence in ("", *_T1)]
    groups = {"validation": network.of_table("val", prepared, val)}
    cases = [c for c in all_cases(given.shared_data, given.table, False) if c.group not in FINAL]
    of_case: dict[str, list[tuple[FloatArray, Floats]]] = defaultdict(list)
    for output in network_outputs(cases, given.model, given.work, "dev"):
        if not output.case.trained and output.case.group not in ("val", "other lesions"):
            name = "stripped" if "stripped" in output.case.group else output.case.group
            of_case[name].append((output.features, output.logits))
    for name, found in of_case.items():
        features, values = (np.concatenate(part) for part in zip(*found, strict=True))
        some = _spread(range(len(features)), _PER_CASE_GROUP)
        groups[name] = Group(IN, features[some], values[some])
    t1 = [read_image(rows[index])[0] for index in _spread(val, _COPIED)]
    copies: dict[str, list[Image]] = defaultdict(list)
    for name, image in shifted(t1):
        copies[name].append(image)
    groups |= {name: network.of_images(IN, images) for name, images in copies.items()}
    for sequence in ("t2", "flair", "ct", "other"):
        own = [index for index, row in enumerate(rows) if row.sequence == sequence]
        kind = FAR if sequence == "ct" else NEAR
        found = network.of_table(sequence, prepared, own)
        groups[f"head, {sequence}"] = Group(kind, found.features, found.logits)
    groups["inverted T1"] = network.of_images(NEAR, (image for _, image in inverted(t1)))
    outside: dict[str, list[Image]] = defaultdict(list)
    for name, image in far():
        outside["pydicom" if name.startswith("pydicom") else name].append(image)
    groups |= {name: network.of_images(FAR, images) for name, images in outside.items()}
    return groups


def final_rows(
    folder: Path, network: _Network, scores: Mapping[str, Score], limits: Mapping[str, float]
) -> list[list[str]]:
    """Return which items of volumes/out-of-field are within the limit of each score."""
    items: dict[str, list[Image]] = defaultdict(list)
    for name, image in out_of_field(folder):
        items[name].append(image)
    rows = []
    for name, images in items.items():
        group = network.of_images(FAR, images)
        medians = {n: float(np.median(s(group.features, group.logits))) for n, s in scores.items()}
        rows.append(
            [f"FINAL {name}", *("within" if medians[n] <= limits[n] else "-" for n in scores)]
        )
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("shared_data", "table", "work", "run", "model"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--final", action="store_true")
    given = parser.parse_args()
    network = _Network(given.model, given.work)
    prepared = prepare_table(read_table(given.table), given.run, network.settings)
    indices = training_rows(prepared.rows)
    train = network.of_table("train", prepared, indices)
    labels = np.array([network.card.classes.index(prepared.rows[i].label) for i in indices])
    scores = fit_scores(train.features, train.logits, labels, network.domain)
    groups = groups_of(given, network, prepared)
    rows = compare(scores, groups)
    if given.final:
        inside = [group for group in groups.values() if group.kind == IN]
        limits = {
            name: limit([score(group.features, group.logits) for group in inside])
            for name, score in scores.items()
        }
        folder = given.shared_data / "volumes" / "out-of-field"
        rows += final_rows(folder, network, scores, limits)
    for place, row in enumerate(rows):
        print(f"| {' | '.join(row)} |")
        if place == 0:
            print("|---" * len(row) + "|")


if __name__ == "__main__":
    main()
