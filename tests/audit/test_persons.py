import cv2
import numpy as np

from batchmri.audit.persons import propose_persons

from .make import Bytes, head


def later(pixels: Bytes) -> Bytes:
    """Return the same head at another position in a larger image, and brighter."""
    field = np.zeros((220, 220), np.uint8)
    field[40:200, 10:170] = (pixels * 0.8).astype(np.uint8)
    return field


def reduced(*images: Bytes) -> Bytes:
    return np.stack([cv2.resize(p, (64, 64), interpolation=cv2.INTER_AREA) for p in images])


def test_examinations_of_one_head_under_two_patients_are_proposed() -> None:
    slices = [head(seed) for seed in range(8)]
    small = reduced(*slices, later(slices[1]), np.fliplr(later(slices[0])))
    patients = ["a", "a", "b", "b", "c", "c", "", "", "d", "d"]
    (proposal,) = propose_persons(small, patients)
    assert proposal.patients == ("a", "d")
    assert set(proposal.images) in ({0, 9}, {1, 8})


def test_images_without_patient_are_ignored() -> None:
    assert propose_persons(reduced(head(0), head(0)), ["", "a"]) == []
