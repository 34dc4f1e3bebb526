"""Whether the class maps mean the tumour: pointing game, share of heat, randomisation test."""

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
_SIGMA = 0.25  # of the side: the centred Gaussian that the share of heat is held against
_METRICS = ("pointing", "pointing_of_middle", "heat_share", "heat_share_of_gaussian")


def localisation_measures(
    subset: str, judged: RowPredictions, resamples: int = RESAMPLES
) -> list[Measure]:
    """Of the true class's map, over rows with a mask, by class and for all.

    pointing: how often its warmest point lies in the mask (Zhang et al., Top-down Neural Attention
    by Excitation Backprop, 2018), beside how often the picture's middle does. heat_share: the part
    of Grad-CAM's heat inside the mask, beside that of a Gaussian in the picture's middle.
    """
    masked = [index for index, mask in judged.masks.items() if mask.any()]
    if not masked:
        return []
    scores = np.array([_scores(judged, index) for index in masked])
    labels = judged.labels[masked]

    def statistic(some: Indices) -> dict[Key, float]:
        found: dict[Key, float] = {}
        for place, name in [(None, ""), *((int(c), judged.classes[c]) for c in np.unique(labels))]:
            own = some if place is None else some[labels[some] == place]
            means = scores[own].mean(0) if len(own) else np.full(len(_METRICS), np.nan)
            found |= {(m, name): float(v) for m, v in zip(_METRICS, means, strict=True)}
        return found

    found = bootstrapped(subset, statistic, judged.groups[masked], resamples)
    counts = {name: int((labels == c).sum()) for c, name in enumerate(judged.classes)}
    return [
        Measure(m.subset, m.metric, m.of, m.value, m.low, m.high, counts.get(m.of, m.n))
        for m in found
    ]


def _scores(judged: RowPredictions, index: int) -> tuple[float, ...]:
    mask, label = judged.masks[index], int(judged.labels[index])
    maps = judged.maps[index]
    hit, middle = pointed(maps[label], mask)
    heat = resized(gradcam(maps, judged.bias)[label], mask.shape)
    return (
        float(hit),
        float(middle),
        _share(heat, mask),
        _share(_gaussian(mask.shape[0]), mask),
    )


def pointed(values: FloatArray, mask: Mask) -> tuple[bool, bool]:
    """Whether a map's (h, w) warmest point is in the mask, and whether the picture's middle is."""
    warmest = np.unravel_index(resized(values, mask.shape).argmax(), mask.shape)
    return bool(mask[warmest]), bool(mask[mask.shape[0] // 2, mask.shape[1] // 2])


def resized(values: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """A map (h, w) interpolated to (rows, columns)."""
    return np.asarray(cv2.resize(values, (shape[1], shape[0])), np.float32)


def _share(heat: FloatArray, mask: Mask) -> float:
    whole = float(heat.sum())
    return float(heat[mask].sum()) / whole if whole > 0 else 0.0


def _gaussian(side: int) -> FloatArray:
    places = (np.arange(side) - (side - 1) / 2) / (side * _SIGMA)
    fall = np.exp(-0.5 * places**2)
    return np.outer(fall, fall).astype(np.float32)


def redrawn(network: ClassMapNetwork) -> ClassMapNetwork:
    """The network with its last linear layer drawn anew, REDRAWN times side by side.

    Outputs: the classes of the first draw, of the second, and so on. Each weight is drawn as
    spread as the trained ones are; the biases are zero.
    """
    linear = network.linear
    n_classes, n_features = linear.weight.shape
    anew = torch.nn.Linear(n_features, n_classes * REDRAWN)
    generator = torch.Generator().manual_seed(_SEED)
    spread = float(linear.weight.detach().float().std())
    with torch.no_grad():
        anew.weight.copy_(torch.randn(anew.weight.shape, generator=generator) * spread)
        anew.bias.zero_()
    other = copy.deepcopy(network)
    other.linear = anew
    return other.eval()


def randomisation_measure(
    subset: str, judged: RowPredictions, random_maps: FloatArray, resamples: int = RESAMPLES
) -> list[Measure]:
    """How alike Grad-CAM of the true class stays when the last layer is drawn anew.

    Mean Spearman correlation; near 0 the maps come from what the last layer has learned, near 1
    they do not (Adebayo et al., Sanity Checks for Saliency Maps, 2018). `random_maps` (n, classes
    x REDRAWN, h, w) are those of `redrawn`. A map without any heat is left out.
    """
    known = _correlations(judged, random_maps)
    there = np.flatnonzero(np.isfinite(known))
    if not len(there):
        return []
    values = known[there]
    return bootstrapped(
        subset,
        lambda some: {("randomised_rank_correlation", ""): float(values[some].mean())},
        judged.groups[there],
        resamples,
    )


def _correlations(judged: RowPredictions, random_maps: FloatArray) -> Floats:
    shape = (len(judged.rows), REDRAWN, len(judged.classes), *random_maps.shape[2:])
    by_draw = random_maps.reshape(shape)
    no_bias = np.zeros_like(judged.bias)
    found = np.full(len(judged.rows), np.nan)
    for index, label in enumerate(judged.labels):
        own = gradcam(judged.maps[index], judged.bias)[label]
        others = [gradcam(maps, no_bias)[label] for maps in by_draw[index]]
        found[index] = _mean_correlation(own, others)
    return found


def _mean_correlation(own: FloatArray, others: Sequence[FloatArray]) -> float:
    if np.ptp(own) == 0:
        return float("nan")
    values = [
        float(spearmanr(own.ravel(), other.ravel()).statistic)
        for other in others
        if np.ptp(other) > 0
    ]
    return float(np.mean(values)) if values else float("nan")
