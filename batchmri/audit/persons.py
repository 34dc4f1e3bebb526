"""Patients who may be one person: heads that look alike under different numbers.

Only a proposal. Another examination of the same head differs in pose, slice and contrast, and two
heads can be alike; a person has to look at the pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.audit.files import Bytes
from batchmri.preparation.brain_box import brain_box

ALIKE = 0.80  # chosen in docs/data-audit.md
_SIDE = 32  # of a head cut out
_SMOOTH = 3.0  # pixels: coarser shapes are common to all heads
_NOISE = 6.0  # grey levels: contrast below it is not blown up
_SLICES = 3  # the slices that look most alike decide
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two patients who look alike (mean correlation of their likest slices), and their likest."""

    patients: tuple[str, str]
    likeness: float
    pictures: tuple[int, int]


def propose_persons(small: Bytes, patients: Sequence[str]) -> list[Proposal]:
    """The pairs of patients whose heads look alike, the likest first.

    `small` (n, SIDE, SIDE) and the patient of each; those without one ("") are left out.
    """
    by_patient: dict[str, list[int]] = {}
    for index, patient in enumerate(patients):
        if patient:
            by_patient.setdefault(patient, []).append(index)
    heads = {p: np.array([_head(small[i]) for i in found]) for p, found in by_patient.items()}
    mirrored = {
        patient: shapes[..., ::-1].reshape(len(shapes), -1) for patient, shapes in heads.items()
    }
    upright = {patient: shapes.reshape(len(shapes), -1) for patient, shapes in heads.items()}
    proposals = []
    for one, other in combinations(sorted(by_patient), 2):
        likeness = np.maximum(upright[one] @ upright[other].T, upright[one] @ mirrored[other].T)
        mean = _mean_of_likest(likeness)
        if mean >= ALIKE:
            row, column = np.unravel_index(likeness.argmax(), likeness.shape)
            pair = by_patient[one][row], by_patient[other][column]
            proposals.append(Proposal((one, other), mean, pair))
    return sorted(proposals, key=lambda proposal: -proposal.likeness)


def _mean_of_likest(likeness: Floats) -> float:
    """Of each side's slices, the few with the likest partner on the other side."""
    best = np.concatenate([likeness.max(0), likeness.max(1)])
    return float(np.sort(best)[-2 * _SLICES :].mean())


def _head(picture: Bytes) -> Floats:
    """The head cut out, its fine shapes at even contrast, with mean 0 and norm 1."""
    box = brain_box(picture)
    scale = _SIDE / max(box.width, box.height)
    centre = np.array([box.x + box.width / 2, box.y + box.height / 2])
    shift = _SIDE / 2 - 0.5 - scale * (centre - 0.5)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    head = cv2.warpAffine(picture, matrix, (_SIDE, _SIDE)).astype(np.float32)
    fine = head - cv2.GaussianBlur(head, (0, 0), _SMOOTH)
    fine /= np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), _SMOOTH)) + _NOISE
    fine -= fine.mean()
    return np.asarray(fine / max(float(np.linalg.norm(fine)), 1e-6), np.float32)
