"""Proposal of patients who may be one person, because their heads look alike.

The proposals require visual inspection: examinations of one head differ in pose, slice and
contrast, and heads of different persons can look alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.audit.files import Bytes
from batchmri.preparation.brain_box import brain_box

ALIKE = 0.80  # see docs/data-audit.md
_SIDE = 32  # of a cropped head, in pixels
_SMOOTH = 3.0  # sigma, in pixels: coarser shapes are common to all heads
_NOISE = 6.0  # gray levels: lower contrast is not amplified
_SLICES = 3  # most similar slices of each patient that are averaged
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two patients who look alike, and the indices of their most similar images.

    `likeness` is the mean correlation of their most similar slices.
    """

    patients: tuple[str, str]
    likeness: float
    images: tuple[int, int]


def propose_persons(small: Bytes, patients: Sequence[str]) -> list[Proposal]:
    """Find pairs of patients whose heads look alike, in descending order of likeness.

    `small` (n, SIDE, SIDE) contains the reduced images and `patients` the patient of each; images
    without a patient ("") are ignored.
    """
    by_patient: dict[str, list[int]] = {}
    for index, patient in enumerate(patients):
        if patient:
            by_patient.setdefault(patient, []).append(index)
    heads = {
        p: np.array([_normalized_head(small[i]) for i in found]) for p, found in by_patient.items()
    }
    mirrored = {
        patient: shapes[..., ::-1].reshape(len(shapes), -1) for patient, shapes in heads.items()
    }
    upright = {patient: shapes.reshape(len(shapes), -1) for patient, shapes in heads.items()}
    proposals = []
    for one, other in combinations(sorted(by_patient), 2):
        likeness = np.maximum(upright[one] @ upright[other].T, upright[one] @ mirrored[other].T)
        mean = _mean_of_best_matches(likeness)
        if mean >= ALIKE:
            row, column = np.unravel_index(likeness.argmax(), likeness.shape)
            pair = by_patient[one][row], by_patient[other][column]
            proposals.append(Proposal((one, other), mean, pair))
    return sorted(proposals, key=lambda proposal: -proposal.likeness)


def _mean_of_best_matches(likeness: Floats) -> float:
    """Return the mean of the highest best-match correlations of the slices of both patients."""
    best = np.concatenate([likeness.max(0), likeness.max(1)])
    return float(np.sort(best)[-2 * _SLICES :].mean())


def _normalized_head(image: Bytes) -> Floats:
    """Return the cropped head (32, 32) with equalized fine contrast, mean 0 and norm 1."""
    box = brain_box(image)
    scale = _SIDE / max(box.width, box.height)
    center = np.array([box.x + box.width / 2, box.y + box.height / 2])
    shift = _SIDE / 2 - 0.5 - scale * (center - 0.5)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    head = cv2.warpAffine(image, matrix, (_SIDE, _SIDE)).astype(np.float32)
    fine = head - cv2.GaussianBlur(head, (0, 0), _SMOOTH)
    fine /= np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), _SMOOTH)) + _NOISE
    fine -= fine.mean()
    return np.asarray(fine / max(float(np.linalg.norm(fine)), 1e-6), np.float32)
