"""Shortcuts: prediction of class or source from image size, border and gray levels alone.

If a few numbers without anatomical content predict the class, a network can learn these numbers
instead of the anatomy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from batchmri.audit.files import AuditedImage, Bytes

_FOLDS = 5
_TREES = 100
_RING = 2  # width of the border of the reduced image, in pixels
_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
Features = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Cross-validated accuracy of `features` alone in predicting `target`, and the chance level."""

    target: str
    features: str
    accuracy: float
    balanced_accuracy: float
    majority: float
    chance: float


def features_of(images: Sequence[AuditedImage]) -> dict[str, Features]:
    """Return feature arrays (images, features) by name."""
    small = np.stack([image.small for image in images])
    sizes = np.array([(p.width, p.height, p.width / p.height) for p in images], float)
    border, gray = _border_features(small), _gray_level_features(small)
    return {
        "size": sizes,
        "border": border,
        "gray levels": gray,
        "all three": np.hstack([sizes, border, gray]),
    }


def _border_features(small: Bytes) -> Features:
    """Return the mean, standard deviation and share of black of each side (images, 12)."""
    sides = (small[:, :_RING], small[:, -_RING:], small[..., :_RING], small[..., -_RING:])
    flat = [side.reshape(len(small), -1) for side in sides]
    columns = [
        column for side in flat for column in (side.mean(1), side.std(1), (side == 0).mean(1))
    ]
    return np.stack(columns, axis=1)


def _gray_level_features(small: Bytes) -> Features:
    flat = small.reshape(len(small), -1)
    percentiles = np.percentile(flat, _PERCENTILES, axis=1)
    return np.column_stack([flat.mean(1), flat.std(1), (flat == 0).mean(1), percentiles.T])


def find_shortcuts(
    features: Mapping[str, Features], target: str, answers: Sequence[str], groups: Sequence[int]
) -> list[Shortcut]:
    """Predict `answers` from each set of features by cross-validation that keeps groups together.

    Returns an empty list if there are fewer than two distinct answers, or if an answer occurs in
    only one group.
    """
    per_answer = {a: {g for b, g in zip(answers, groups, strict=True) if a == b} for a in answers}
    folds = min([_FOLDS, *map(len, per_answer.values())])
    if len(per_answer) < 2 or folds < 2:
        return []
    truth = np.array(answers)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    found = []
    for name, numbers in features.items():
        forest = RandomForestClassifier(
            _TREES, min_samples_leaf=2, class_weight="balanced", random_state=0
        )
        predicted = cross_val_predict(forest, numbers, truth, groups=groups, cv=splitter)
        majority = max(answers.count(a) for a in per_answer) / len(answers)
        found.append(
            Shortcut(
                target,
                name,
                float(accuracy_score(truth, predicted)),
                float(balanced_accuracy_score(truth, predicted)),
                majority,
                1 / len(per_answer),
            )
        )
    return found
