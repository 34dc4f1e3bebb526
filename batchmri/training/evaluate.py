"""Evaluation of a network during and after training, by split and on other sources."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from batchmri.evaluation.localization import pointed
from batchmri.evaluation.scores import TABLE, support_of, table_scores
from batchmri.model.network import ClassMapNetwork, logits
from batchmri.preparation.transforms import PreparationSettings
from batchmri.records import FloatArray
from batchmri.training.dataset import PreparedImages
from batchmri.training.table import Row

Metrics = dict[str, float | int | str]
_TOP_SLICES = 3
_BATCH = 64


def autocast_if_faster(device: torch.device, enabled: bool = True) -> AbstractContextManager[None]:
    """Return a bfloat16 autocast context, or one without effect on CPUs without AVX-512 bf16.

    GPUs and CPUs with AVX-512 bf16 are twice as fast in bfloat16.
    """
    pays = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()  # else 10 times slower
    context: AbstractContextManager[None] = torch.autocast(
        device.type, torch.bfloat16, enabled=enabled and pays
    )
    return context


def predict(
    network: ClassMapNetwork,
    prepared: PreparedImages,
    indices: Sequence[int],
    settings: PreparationSettings,
    half: bool = False,
) -> Tensor:
    """Return the logits (len(indices), classes) of rows without augmentation."""
    found = [logits(maps) for maps in _maps(network, prepared, indices, settings, half)]
    return torch.cat(found) if found else torch.empty(0)


def pointing_game(
    network: ClassMapNetwork,
    prepared: PreparedImages,
    indices: Sequence[int],
    labels: Sequence[int],
    settings: PreparationSettings,
) -> Metrics:
    """Return how often the maximum of the true class's map is inside the tumor mask.

    Zhang et al., Top-down neural attention by excitation backprop, 2018. As a baseline, the result
    also contains the score of the image center.
    """
    masked = [index for index in indices if prepared.mask_of[index] >= 0]
    hits, middle, done = 0, 0, 0
    for maps in _maps(network, prepared, masked, settings, half=False):
        for found in maps:
            index = masked[done]
            mask = prepared.masks[prepared.mask_of[index]] > 127
            hit, central = pointed(found[labels[index]].numpy(), mask)
            hits, middle, done = hits + hit, middle + central, done + 1
    return {
        "pointing_n": done,
        "pointing": _round(hits / max(1, done)),
        "pointing_of_the_middle": _round(middle / max(1, done)),
    }


def features_of(
    network: ClassMapNetwork,
    prepared: PreparedImages,
    indices: Sequence[int],
    settings: PreparationSettings,
) -> FloatArray:
    """Return the features (len(indices), k) of rows, computed in bfloat16 where that is faster."""
    found = [f for _, f in outputs(network, prepared, indices, settings, half=True)]
    return torch.cat(found).numpy() if found else np.empty((0, 0), np.float32)


def _maps(
    network: ClassMapNetwork,
    prepared: PreparedImages,
    indices: Sequence[int],
    settings: PreparationSettings,
    half: bool,
) -> Iterator[Tensor]:
    return (maps for maps, _ in outputs(network, prepared, indices, settings, half))


@torch.inference_mode()
def outputs(
    network: ClassMapNetwork,
    prepared: PreparedImages,
    indices: Sequence[int],
    settings: PreparationSettings,
    half: bool,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield class maps and features of rows in batches; `half` permits bfloat16 where faster."""
    device = next(network.parameters()).device
    network.eval()
    for start in range(0, len(indices), _BATCH):
        images = prepared.batch(indices[start : start + _BATCH], settings).to(device)
        with autocast_if_faster(device, half):
            maps, features = network(images.contiguous(memory_format=torch.channels_last))
        yield maps.float().cpu(), features.float().cpu()


def fit_temperature(values: Tensor, labels: Tensor) -> float:
    """Return the temperature with the lowest cross-entropy of softmax(logits / temperature).

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017.
    """
    candidates = torch.logspace(-1, 1, 401)
    losses = [cross_entropy(values / t, labels) for t in candidates]
    return round(float(candidates[int(torch.stack(losses).argmin())]), 4)


def split_metrics(labels: npt.NDArray[np.int64], values: Tensor, classes: Sequence[str]) -> Metrics:
    """Return accuracy, macro F1, and each class's precision, recall, F1 and support.

    Undefined metrics of a class are 0.
    """
    scores = table_scores(labels, values.argmax(1).numpy(), classes)
    metrics: Metrics = {"n": len(labels), "accuracy": _round(scores["accuracy", ""])}
    for name, support in support_of(labels, classes).items():
        for metric in TABLE:
            metrics[f"{name}_{metric}"] = _round(np.nan_to_num(scores[metric, name]))
        metrics[f"{name}_support"] = support
    metrics["macro_f1"] = _round(scores["f1", "macro"])
    return metrics


def dev_metrics(rows: Sequence[Row], values: Tensor, no_tumor: int, no_tumor_class: str) -> Metrics:
    """Return how often slices and volumes of each source are classified as a tumor.

    A volume is classified by the mean probabilities of its three most suspicious slices.
    """
    probabilities = values.softmax(1)
    called_tumor = (probabilities.argmax(1) != no_tumor).numpy()
    slices: dict[str, list[bool]] = defaultdict(list)
    volumes: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        kind = "tumor_free" if row.label == no_tumor_class else "tumor"
        slices[f"{row.source}_{kind}_slices_called_tumor"].append(bool(called_tumor[index]))
        if row.slice is not None:
            volumes[f"{row.source}_{kind}_volumes_called_tumor", str(row.file)].append(index)
    metrics: Metrics = {name: _round(np.mean(found)) for name, found in sorted(slices.items())}
    verdicts: dict[str, list[bool]] = defaultdict(list)
    for (name, _), members in volumes.items():
        own = probabilities[members]
        top = own[own[:, no_tumor].argsort()[:_TOP_SLICES]].mean(0)
        verdicts[name].append(int(top.argmax()) != no_tumor)
    return metrics | {name: f"{sum(v)} of {len(v)}" for name, v in sorted(verdicts.items())}


def _round(share: float | np.floating) -> float:
    return round(float(share), 4)
