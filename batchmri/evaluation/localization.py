"""Localization by class maps: pointing game, Grad-CAM heat in the mask, randomization test."""

import copy
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from scipy.stats import spearmanr

from batchmri.evaluation.inference import Mask, RowPredictions
from batchmri.evaluation.intervals import RESAMPLES, Floats, Indices, Key, Measure, bootstrapped
from batchmri.model.gradcam import gradcam
from batchmri.model.network import ClassMapNetwork
from batchmri.records import FloatArray

REDRAWN = 5
_SEED = 0
_SIGMA = 0.25  # of the image side, for the centered Gaussian used as baseline
_METRICS = ("pointing", "pointing_of_middle", "heat_share", "heat_share_of_gaussian")


def localization_measures(
    subset: str, predictions: RowPredictions, resamples: int = RESAMPLES
) -> list[Measure]:
    """Measure how well the map of the true class localizes the tumor, per class and for all.

    Only rows with a mask are used. pointing: how often the maximum of the map is in the mask (Zhang
    et al., Top-down Neural Attention by Excitation Backprop, 2018); pointing_of_middle: the same
    for the image center. heat_share: the fraction of the Grad-CAM heat inside the mask;
    heat_share_of_gaussian: the same for a centered Gaussian.
    """
    masked = [index for index, mask in predictions.masks.items() if mask.any()]
    if not masked:
        return []
    scores = np.array([_scores(predictions, index) for index in masked])
    labels = predictions.labels[masked]

    def statistic(some: Indices) -> dict[Key, float]:
        means_by_key: dict[Key, float] = {}
        for place, name in [
            (None, ""),
            *((int(c), predictions.classes[c]) for c in np.unique(labels)),
        ]:
            own = some if place is None else some[labels[some] == place]
            means = scores[own].mean(0) if len(own) else np.full(len(_METRICS), np.nan)
            means_by_key |= {(m, name): float(v) for m, v in zip(_METRICS, means, strict=True)}
        return means_by_key

    measures = bootstrapped(subset, statistic, predictions.groups[masked], resamples)
    counts = {name: int((labels == c).sum()) for c, name in enumerate(predictions.classes)}
    return [
        Measure(m.subset, m.metric, m.of, m.value, m.low, m.high, counts.get(m.of, m.n))
        for m in measures
    ]


def _scores(predictions: RowPredictions, index: int) -> tuple[float, ...]:
    mask, label = predictions.masks[index], int(predictions.labels[index])
    maps = predictions.maps[index]
    in_mask, center_in_mask = pointed(maps[label], mask)
    heat = resized(gradcam(maps, predictions.bias)[label], mask.shape)
    return (
        float(in_mask),
        float(center_in_mask),
        _heat_share(heat, mask),
        _heat_share(_gaussian(mask.shape[0]), mask),
    )


def pointed(values: FloatArray, mask: Mask) -> tuple[bool, bool]:
    """Return whether the maximum of a map (h, w) and the image center are in the mask."""
    warmest = np.unravel_index(resized(values, mask.shape).argmax(), mask.shape)
    return bool(mask[warmest]), bool(mask[mask.shape[0] // 2, mask.shape[1] // 2])


def resized(values: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Interpolate a map (h, w) to shape (rows, columns)."""
    return np.asarray(cv2.resize(values, (shape[1], shape[0])), np.float32)


def _heat_share(heat: FloatArray, mask: Mask) -> float:
    total = float(heat.sum())
    return float(heat[mask].sum()) / total if total > 0 else 0.0


def _gaussian(side: int) -> FloatArray:
    places = (np.arange(side) - (side - 1) / 2) / (side * _SIGMA)
    falloff = np.exp(-0.5 * places**2)
    return np.outer(falloff, falloff).astype(np.float32)


def redrawn(network: ClassMapNetwork) -> ClassMapNetwork:
    """Return a copy of the network with REDRAWN random versions of its last linear layer.

    The outputs are the classes of the first version, then of the second, and so on. Weights are
    normally distributed with the standard deviation of the trained weights; biases are zero.
    """
    linear = network.linear
    n_classes, n_features = linear.weight.shape
    redrawn_layer = torch.nn.Linear(n_features, n_classes * REDRAWN)
    generator = torch.Generator().manual_seed(_SEED)
    weight_std = float(linear.weight.detach().float().std())
    with torch.no_grad():
        redrawn_layer.weight.copy_(
            torch.randn(redrawn_layer.weight.shape, generator=generator) * weight_std
        )
        redrawn_layer.bias.zero_()
    other = copy.deepcopy(network)
    other.linear = redrawn_layer
    return other.eval()


def randomization_measure(
    subset: str, predictions: RowPredictions, random_maps: FloatArray, resamples: int = RESAMPLES
) -> list[Measure]:
    """Measure how similar Grad-CAM of the true class is with a random last layer.

    The measure is the mean Spearman correlation. Near 0, the maps depend on what the last layer has
    learned; near 1, they do not depend on it (Adebayo et al., Sanity Checks for Saliency Maps,
    2018). `random_maps` (n, classes x REDRAWN, h, w) come from the network that `redrawn` returns.
    Maps without heat are excluded.
    """
    correlations = _correlations(predictions, random_maps)
    defined = np.flatnonzero(np.isfinite(correlations))
    if not len(defined):
        return []
    values = correlations[defined]
    return bootstrapped(
        subset,
        lambda some: {("randomized_rank_correlation", ""): float(values[some].mean())},
        predictions.groups[defined],
        resamples,
    )


def _correlations(predictions: RowPredictions, random_maps: FloatArray) -> Floats:
    shape = (len(predictions.rows), REDRAWN, len(predictions.classes), *random_maps.shape[2:])
    by_draw = random_maps.reshape(shape)
    no_bias = np.zeros_like(predictions.bias)
    correlations = np.full(len(predictions.rows), np.nan)
    for index, label in enumerate(predictions.labels):
        own = gradcam(predictions.maps[index], predictions.bias)[label]
        others = [gradcam(maps, no_bias)[label] for maps in by_draw[index]]
        correlations[index] = _mean_correlation(own, others)
    return correlations


def _mean_correlation(own: FloatArray, others: Sequence[FloatArray]) -> float:
    if np.ptp(own) == 0:
        return float("nan")
    values = [
        float(spearmanr(own.ravel(), other.ravel()).statistic)
        for other in others
        if np.ptp(other) > 0
    ]
    return float(np.mean(values)) if values else float("nan")
