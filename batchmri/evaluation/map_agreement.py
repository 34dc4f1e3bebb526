"""Agreement of the heat maps of two networks, such as trainings with different seeds.

With a network of random weights as the second one, the same measures are a sanity check: maps that
agree with those of a random network do not depend on what was learned (Adebayo et al., Sanity
Checks for Saliency Maps, 2018).
"""

import numpy as np
import torch
from scipy.stats import spearmanr

from batchmri.evaluation.inference import RowPredictions
from batchmri.evaluation.intervals import RESAMPLES, Floats, Measure, Statistic, bootstrapped
from batchmri.evaluation.localization import resized
from batchmri.model.gradcam import gradcam
from batchmri.model.network import ClassMapNetwork
from batchmri.records import FloatArray

_SEED = 0
_NEAR = 0.1  # of the image side
_SIDE = 100  # pixels in which distances are measured


def agreement_measures(
    subset: str, first: RowPredictions, second: RowPredictions, resamples: int = RESAMPLES
) -> list[Measure]:
    """Measure how similar the Grad-CAM maps of the true class are in two networks.

    `first` and `second` are predictions for the same rows. map_rank_correlation is the mean
    Spearman correlation of the maps; maps without heat are excluded. map_peaks_agree is the share
    of rows in which the maxima of both maps are at most a tenth of the image side apart.
    """
    rows = np.array([_agreement(first, second, index) for index in range(len(first.rows))])
    measures: list[Measure] = []
    for place, name in enumerate(("map_rank_correlation", "map_peaks_agree")):
        defined = np.flatnonzero(np.isfinite(rows[:, place])) if len(rows) else np.empty(0, int)
        if len(defined):
            statistic = _mean_of(name, rows[defined, place])
            measures += bootstrapped(subset, statistic, first.groups[defined], resamples)
    return measures


def _mean_of(name: str, values: Floats) -> Statistic:
    return lambda some: {(name, ""): float(values[some].mean())}


def _agreement(first: RowPredictions, second: RowPredictions, index: int) -> tuple[float, float]:
    label = int(first.labels[index])
    one, other = (gradcam(some.maps[index], some.bias)[label] for some in (first, second))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan"), float("nan")
    correlation = float(spearmanr(one.ravel(), other.ravel()).statistic)
    distance = np.linalg.norm(_peak(one) - _peak(other)) / _SIDE
    return correlation, float(distance <= _NEAR)


def _peak(heat: FloatArray) -> Floats:
    enlarged = resized(heat, (_SIDE, _SIDE))
    return np.array(np.unravel_index(enlarged.argmax(), enlarged.shape), np.float64)


def random_network(network: ClassMapNetwork, last_stride: bool) -> ClassMapNetwork:
    """Return a network of the same architecture with random weights from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        fresh = ClassMapNetwork(network.linear.out_features, last_stride)
    return fresh.eval()
