"""Fitting of a model's out-of-distribution detection (model/ood.py) to its training images."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from batchmri.model.network import ClassMapNetwork
from batchmri.model.ood import POOLED, DomainModel
from batchmri.preparation.transforms import PreparationSettings
from batchmri.training.dataset import PreparedImages
from batchmri.training.evaluate import Metrics, features_of

_T1 = ("t1", "t1_contrast")
_COMPONENTS = 64
_MOST_OF_A_GROUP = 200  # maximum per source, class and sequence, so that no group dominates
_BEYOND = 0.05  # share of the validation images beyond the limit
_SURE = 20.0  # logit of a probe without training data, which always answers yes
_REGULARISATION = 0.02

Floats = npt.NDArray[np.float64]


def fit_ood(
    network: ClassMapNetwork, prepared: PreparedImages, settings: PreparationSettings
) -> tuple[DomainModel, Metrics] | None:
    """Fit the domain model to the train rows and its limit to the val and dev rows.

    Only images whose sequence is T1 or unknown count as in distribution. Returns the domain model
    and the AUCs of its probes, or None if there are too few images.
    """
    train, evaluated = _chosen(prepared, ("train",)), _chosen(prepared, ("val", "dev"))
    texture = features_of(network, prepared, train, settings)[:, POOLED:].astype(np.float64)
    sequences = np.array([prepared.rows[index].sequence for index in train])
    own = np.isin(sequences, ("", *_T1))
    if own.sum() < 2 * _COMPONENTS or not evaluated:
        return None
    mean, scale = texture[own].mean(0), texture[own].std(0) + 1e-6
    scaled = (texture - mean) / scale
    parts = PCA(_COMPONENTS, svd_solver="full").fit(scaled[own])
    residual = (scaled[own] ** 2).sum(1) - (parts.transform(scaled[own]) ** 2).sum(1)
    probes = [
        _probe(scaled, np.isin(sequences, _T1), sequences != ""),
        _probe(scaled, sequences == "t1_contrast", np.isin(sequences, _T1)),
    ]
    arrays = [mean, scale, parts.components_, np.sqrt(parts.explained_variance_), [residual.mean()]]
    detector = DomainModel(*(np.asarray(a, np.float32) for a in (*arrays, [1.0], probes)))
    return _limited(
        detector, features_of(network, prepared, evaluated, settings), prepared, evaluated
    )


def _chosen(prepared: PreparedImages, splits: Sequence[str]) -> list[int]:
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, row in enumerate(prepared.rows):
        if row.split in splits:
            groups[row.source, row.label, row.sequence].append(index)
    return sorted(
        members[place]
        for members in groups.values()
        for place in np.unique(np.linspace(0, len(members) - 1, _MOST_OF_A_GROUP).astype(int))
    )


def _probe(scaled: Floats, yes: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> Floats:
    if len(set(yes[known].tolist())) < 2:
        return np.append(np.zeros(scaled.shape[1]), _SURE)
    probe = LogisticRegression(C=_REGULARISATION, class_weight="balanced", max_iter=2000)
    probe.fit(scaled[known], yes[known])
    return np.append(probe.coef_[0], probe.intercept_)


def _limited(
    detector: DomainModel,
    features: npt.NDArray[np.float32],
    prepared: PreparedImages,
    evaluated: Sequence[int],
) -> tuple[DomainModel, Metrics]:
    sequences = np.array([prepared.rows[index].sequence for index in evaluated])
    own = np.isin(sequences, ("", *_T1))
    limit = np.quantile(detector.distances(features[own]), 1 - _BEYOND)
    limited = replace(detector, limit=np.asarray([limit], np.float32))
    found = limited.scores(features)
    probed = {
        "t1": ([each.t1 for each in found], np.isin(sequences, _T1), sequences != ""),
        "contrast": (
            [each.contrast for each in found],
            sequences == "t1_contrast",
            np.isin(sequences, _T1),
        ),
    }
    metrics: Metrics = {}
    for name, (scores, yes, known) in probed.items():
        if len(set(yes[known].tolist())) == 2:
            auc = roc_auc_score(yes[known], np.array(scores)[known])
            metrics[f"{name}_auc"] = round(float(auc), 4)
    return limited, metrics
