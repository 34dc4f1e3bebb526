"""The compared out-of-distribution scores; a higher score means less similar to training images.

texture      the score of batchmri.model.ood that the model contains: Mahalanobis distance and
             residual of the texture features
mahalanobis  class-conditional Mahalanobis distance of the pooled last activation (Lee et al., 2018)
knn          distance to the 50th nearest normalized pooled activation (Sun et al., 2022)
vim          norm of the residual outside the leading components, scaled to logits, minus energy
             (Wang et al., ViM, 2022)
energy       −log Σ exp(logits) (Liu et al., 2020)
msp          1 − the largest probability (Hendrycks & Gimpel, 2017)
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from batchmri.model.ood import POOLED, DomainModel
from batchmri.records import FloatArray
from experiments.b1.outputs import Floats, softmax

Score = Callable[[FloatArray, Floats], Floats]
"""Scores (n,) from features (n, k) and logits (n, classes)."""
_NEIGHBOR = 50
_COMPONENTS = 256


def fit_scores(
    features: FloatArray, logits: Floats, labels: npt.NDArray[np.int64], domain: DomainModel
) -> dict[str, Score]:
    """Return every score, fitted on the training images."""
    return {
        "texture": lambda some, _: domain.distances(some),
        "mahalanobis": _mahalanobis(_pooled(features), labels),
        "knn": _nearest(_pooled(features)),
        "vim": _vim(_pooled(features), logits),
        "energy": lambda _, values: -_energy(values),
        "msp": lambda _, values: 1 - softmax(values).max(1),
    }


def _pooled(features: FloatArray) -> Floats:
    return features[:, :POOLED].astype(np.float64)


def _energy(logits: Floats) -> Floats:
    result: Floats = logsumexp(logits, axis=1)
    return result


def _mahalanobis(pooled: Floats, labels: npt.NDArray[np.int64]) -> Score:
    means = np.stack([pooled[labels == label].mean(0) for label in np.unique(labels)])
    centered = pooled - means[np.searchsorted(np.unique(labels), labels)]
    fitted = LedoitWolf(assume_centered=True).fit(centered)
    half = np.linalg.cholesky(fitted.precision_)

    def score(features: FloatArray, _: Floats) -> Floats:
        whitened = _pooled(features) @ half
        distances = [((whitened - mean @ half) ** 2).sum(1) for mean in means]
        closest: Floats = np.min(distances, axis=0)
        return closest

    return score


def _nearest(pooled: Floats) -> Score:
    def unit(values: Floats) -> Floats:
        result: Floats = values / np.linalg.norm(values, axis=1, keepdims=True)
        return result

    fitted = NearestNeighbors(n_neighbors=min(_NEIGHBOR, len(pooled))).fit(unit(pooled))
    return lambda features, _: fitted.kneighbors(unit(_pooled(features)))[0][:, -1]


def _vim(pooled: Floats, logits: Floats) -> Score:
    parts = PCA(min(_COMPONENTS, len(pooled) // 2, pooled.shape[1] // 2)).fit(pooled)

    def residual(values: Floats) -> Floats:
        centered = values - parts.mean_
        outside = centered - (centered @ parts.components_.T) @ parts.components_
        result: Floats = np.linalg.norm(outside, axis=1)
        return result

    scale = float(logits.max(1).mean() / residual(pooled).mean())
    return lambda features, values: scale * residual(_pooled(features)) - _energy(values)
