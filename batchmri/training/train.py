"""`batchmri train`: trains a checkpoint with its model card from labeled images."""

import json
import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn.functional import cross_entropy

from batchmri.errors import UsageError
from batchmri.model.card import Card
from batchmri.model.checkpoint import load_checkpoint, save_checkpoint
from batchmri.model.network import ClassMapNetwork
from batchmri.model.pretrained import load_lite1
from batchmri.renamed import TRAINING, rename_keys
from batchmri.training.augment import Augmentation
from batchmri.training.dataset import (
    AugmentedImages,
    PreparedImages,
    label_indices,
    prepare_table,
    row_probabilities,
)
from batchmri.training.evaluate import (
    Metrics,
    dev_metrics,
    fit_temperature,
    pointing_game,
    predict,
    split_metrics,
)
from batchmri.training.fit import fit
from batchmri.training.fit_ood import fit_ood
from batchmri.training.holdout import without
from batchmri.training.loss import ANY_TUMOR
from batchmri.training.plots.data import draw_data
from batchmri.training.progress import FIGURES, LAST
from batchmri.training.settings import TrainSettings
from batchmri.training.table import classes_of, read_data
from batchmri.training.thresholds import fit_thresholds

_CHANGES_NO_WEIGHT = {"threads", "loaders", "card", "target_fpr", "target_fnr"}
_HEAD_MM = 200.0
CHECKPOINT, _CLAIM = "model.safetensors", "training.json"
_log = logging.getLogger(__name__)


def train(data: Path, out: Path, settings: TrainSettings, resume: bool = False) -> Card:
    """Train on a table or folder, write the checkpoint to the folder `out` and return its card.

    Raises UsageError if the data cannot be used, if `out` contains a training and `resume` is
    False, or if it contains a training with other data or settings.
    """
    rows = without(read_data(data, settings.val_step), settings.held_out)
    classes = classes_of(rows, settings.any_tumor_label)
    if settings.no_tumor_class not in classes:
        raise UsageError(
            f"no_tumor_class {settings.no_tumor_class!r} is not one of {', '.join(classes)}; "
            "set it to the class that means no tumor in the config file (--config)"
        )
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    out.mkdir(parents=True, exist_ok=True)
    prepared = prepare_table(rows, out, settings.preparation)
    _claim(out, prepared, settings, resume)

    images = AugmentedImages(
        prepared,
        classes,
        settings.no_tumor_class,
        settings.preparation,
        Augmentation(settings.augmentation, zoom_range(settings)),
        settings.seed,
    )
    draw_data(images, classes, out / FIGURES)
    evaluation = _Evaluation(prepared, classes, settings)
    network = fit(
        first_network(settings, classes),
        images,
        row_probabilities(rows, classes, settings.sampling_weights),
        evaluation.each_epoch,
        out,
        settings,
    )
    card = card_of(settings, classes, prepared)
    return evaluation.finish(out / CHECKPOINT, network.cpu(), card)


def card_of(settings: TrainSettings, classes: tuple[str, ...], prepared: PreparedImages) -> Card:
    """Return the model card of a training, without metrics and fitted values."""
    return Card(
        classes=classes,
        no_tumor_class=settings.no_tumor_class,
        last_stride=settings.last_stride,
        preparation=settings.preparation.model_dump(),
        training_data_digest=prepared.digest("train"),
        created_by=f"batchmri {version('batchmri')}",
        **settings.card,
    )


def zoom_range(settings: TrainSettings) -> tuple[float, float] | None:
    """Return the zoom range equivalent to `resampling_mm`; None if that is not set.

    The prepared square is taken to be 200 mm wide, the length of a head.
    """
    if settings.resampling_mm is None:
        return None
    pixel = _HEAD_MM / settings.preparation.size
    finest, coarsest = settings.resampling_mm
    return pixel / coarsest, pixel / finest


def first_network(settings: TrainSettings, classes: tuple[str, ...]) -> ClassMapNetwork:
    """Create the network with its initial weights, as specified by `settings.init`.

    From a file with other classes, all layers but the last are loaded. The weights of several files
    are averaged (Wortsman et al., Model soups, 2022). Raises ModelError if weights cannot be
    loaded.
    """
    network = ClassMapNetwork(len(classes), settings.last_stride, settings.init == "imagenet")
    if settings.init == "lite1":
        load_lite1(network)
    elif settings.init not in ("imagenet", "random"):
        files = [settings.init] if isinstance(settings.init, str) else settings.init
        own = network.linear.state_dict()
        found = [_weights(Path(file), classes, own) for file in files]
        network.load_state_dict(
            {name: sum(weights[name] for weights in found) / len(found) for name in found[0]}
        )
    return network


def _weights(file: Path, classes: tuple[str, ...], linear: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights in a file, with `linear` as the last layer if the classes differ."""
    trained, card, _ = load_checkpoint(file)
    weights = trained.state_dict()
    if card.classes != classes:
        weights |= {f"linear.{name}": own for name, own in linear.items()}
    return weights


def _claim(out: Path, prepared: PreparedImages, settings: TrainSettings, resume: bool) -> None:
    """Record the data and settings of a training, or compare them with those recorded in `out`.

    Raises UsageError if `out` contains a training and `resume` is not set, or if it differs.
    """
    claim = {"data": prepared.digest("train"), "settings": _fixed(settings)}
    file = out / _CLAIM
    if not (out / LAST).exists():
        file.write_text(json.dumps(claim, indent=2) + "\n", encoding="utf-8")
        return
    if not resume:
        raise UsageError(f"{out} contains a training; use --resume, or another --out")
    before = json.loads(file.read_text(encoding="utf-8"))
    if {**before, "settings": _current(before["settings"])} != claim:
        raise UsageError(
            f"{out} contains a training with other data or settings (see {file}); "
            "use the same ones to resume it, or another --out"
        )


def _current(settings: dict[str, Any]) -> dict[str, Any] | None:
    """Recorded settings under their current names; None if they are no longer valid."""
    try:
        return _fixed(TrainSettings.model_validate(rename_keys(settings, TRAINING)))
    except ValidationError:
        return None


def _fixed(settings: TrainSettings) -> dict[str, Any]:
    """The settings that affect the weights, and must not change when a training is resumed."""
    return settings.model_dump(mode="json", exclude=_CHANGES_NO_WEIGHT)


class _Evaluation:
    """Evaluation rows: val and dev, evaluated every epoch, and test, evaluated at the end."""

    def __init__(
        self, prepared: PreparedImages, classes: Sequence[str], settings: TrainSettings
    ) -> None:
        self.prepared = prepared
        self.classes = classes
        self.settings = settings
        self.labels = np.array(label_indices(prepared.rows, classes))
        splits = np.array([row.split for row in prepared.rows])
        has_class = self.labels != ANY_TUMOR  # rows without a class are used for dev metrics only
        self.val, self.dev, self.test = (
            np.flatnonzero((splits == split) & (has_class | (split == "dev"))).tolist()
            for split in ("val", "dev", "test")
        )
        self.dev_rows = [prepared.rows[index] for index in self.dev]
        self.no_tumor = classes.index(settings.no_tumor_class)

    def each_epoch(self, network: ClassMapNetwork) -> Metrics:
        """Return loss and accuracy on val, and the metrics of the dev rows."""
        values = predict(network, self.prepared, self.val, self.settings.preparation, half=True)
        labels = torch.from_numpy(self.labels[self.val])
        loss = cross_entropy(values, labels)
        metrics: Metrics = {
            "loss": round(float(loss), 4),
            "accuracy": round(float((values.argmax(1) == labels).float().mean()), 4),
        }
        return metrics | self._dev_metrics(self._dev(network, half=True))

    def finish(self, path: Path, network: ClassMapNetwork, card: Card) -> Card:
        """Save and reload the network, evaluate it, and return the final card.

        The card contains the temperature, metrics and verdict thresholds.
        """
        save_checkpoint(path, network, card)
        network, _, _ = load_checkpoint(path)
        preparation = self.settings.preparation
        values = predict(network, self.prepared, self.val, preparation)
        labels = self.labels[self.val]
        dev = self._dev(network)
        metrics: dict[str, Metrics] = {
            "val": split_metrics(labels, values, self.classes),
            "dev": self._dev_metrics(dev),
        }
        if self.test:
            found = predict(network, self.prepared, self.test, preparation)
            metrics["test"] = split_metrics(self.labels[self.test], found, self.classes)
            metrics["test"] |= pointing_game(
                network, self.prepared, self.test, self.labels.tolist(), preparation
            )
        detector = fit_ood(network, self.prepared, preparation)
        if detector is not None:
            metrics["ood"] = detector[1]
        temperature = fit_temperature(values, torch.from_numpy(labels))
        rules, metrics["verdict"] = self._thresholds(dev / temperature)
        verdict = rules | card.verdict
        changed = {"temperature": temperature, "metrics": metrics, "verdict": verdict}
        for split, found_metrics in metrics.items():
            _log.info("%s: %s", split, found_metrics)
        card = card.model_copy(update=changed)
        return save_checkpoint(path, network, card, detector[0] if detector else None)

    def _dev(self, network: ClassMapNetwork, half: bool = False) -> Tensor:
        """Return the logits (rows, classes) of the dev rows."""
        if not self.dev:
            return torch.empty(0, len(self.classes))
        return predict(network, self.prepared, self.dev, self.settings.preparation, half)

    def _dev_metrics(self, values: Tensor) -> Metrics:
        return dev_metrics(self.dev_rows, values, self.no_tumor, self.settings.no_tumor_class)

    def _thresholds(self, values: Tensor) -> tuple[dict[str, float], Metrics]:
        settings = self.settings
        suspicion = 1 - values.softmax(1)[:, self.no_tumor]
        return fit_thresholds(
            self.dev_rows,
            suspicion.tolist(),
            settings.no_tumor_class,
            settings.target_fpr,
            settings.target_fnr,
        )
