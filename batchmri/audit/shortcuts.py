"""Shortcuts: what a picture's size, border and grey levels alone give away.

What a few numbers that know nothing of the anatomy can tell, a network can learn instead of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from batchmri.audit.files import Bytes, Picture

_FOLDS = 5
_TREES = 100
_RING = 2  # pixels of the reduced picture that are its border
_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
Features = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """How well `features` alone predict `target`, cross-validated, and what chance would give."""

    target: str
    features: str
    accuracy: float
    balanced_accuracy: float
    majority: float
    chance: float


def features_of(pictures: Sequence[Picture]) -> dict[str, Features]:
    """What is asked of each picture, by name: arrays (pictures, numbers)."""
    small = np.stack([picture.small for picture in pictures])
    sizes = np.array([(p.width, p.height, p.width / p.height) for p in pictures], float)
    border, grey = _border(small), _grey_levels(small)
    return {
        "size": sizes,
        "border": border,
        "grey levels": grey,
        "all three": np.hstack([sizes, border, grey]),
    }


def _border(small: Bytes) -> Features:
    """Mean, spread and share of black of each side."""
    sides = (small[:, :_RING], small[:, -_RING:], small[..., :_RING], small[..., -_RING:])
    flat = [side.reshape(len(small), -1) for side in sides]
    columns = [
        column for side in flat for column in (side.mean(1), side.std(1), (side == 0).mean(1))
    ]
    return np.stack(columns, axis=1)


def _grey_levels(small: Bytes) -> Features:
    flat = small.reshape(len(small), -1)
    percentiles = np.percentile(flat, _PERCENTILES, axis=1)
    return np.column_stack([flat.mean(1), flat.std(1), (flat == 0).mean(1), percentiles.T])


def find_shortcuts(
    features: Mapping[str, Features], target: str, answers: Sequence[str], groups: Sequence[int]
) -> list[Shortcut]:
    """Ask each set of features for `answers`; no group is both learned from and asked.

    Nothing where there are fewer than two answers, or one that lies in a single group.
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
        told = cross_val_predict(forest, numbers, truth, groups=groups, cv=splitter)
        majority = max(answers.count(a) for a in per_answer) / len(answers)
        found.append(
            Shortcut(
                target,
                name,
                float(accuracy_score(truth, told)),
                float(balanced_accuracy_score(truth, told)),
                majority,
                1 / len(per_answer),
            )
        )
    return found
