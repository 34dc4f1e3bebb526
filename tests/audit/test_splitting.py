from collections import Counter

import numpy as np

from batchmri.audit.grouping import joined, members
from batchmri.audit.splitting import split, together


def test_parts_are_numbered_by_their_first_member() -> None:
    labels = joined(6, [(4, 1), (5, 4), (3, 0)])
    assert labels.tolist() == [0, 1, 2, 0, 1, 1]
    assert members(labels) == [[0, 3], [1, 4, 5], [2]]


def test_linked_images_patients_and_persons_stay_together() -> None:
    images = np.array([0, 0, 1, 2, 3])
    patient = ["", "p", "p", "q", "r"]
    person = ["", "", "x", "x", ""]
    assert together(images, [patient, person]).tolist() == [0, 0, 0, 0, 1]


def test_parts_are_not_divided_and_shares_match_in_each_class() -> None:
    random = np.random.default_rng(1)
    images = np.repeat(np.arange(400), random.integers(1, 9, 400))
    owner = random.integers(0, 150, 400)
    patient = [f"p{owner[image]}" for image in images]
    labels = ["ab"[owner[image] % 2] for image in images]
    splits = split(together(images, [patient]), labels, images)
    sides: dict[str, set[str]] = {}
    for one, side in zip(patient, splits, strict=True):
        sides.setdefault(one, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    distinct = set(zip(images.tolist(), labels, splits, strict=True))
    for label in "ab":
        counts = Counter(side for _, own, side in distinct if own == label)
        shares = {side: n / counts.total() for side, n in counts.items()}
        assert abs(shares["train"] - 0.70) < 0.03
        assert abs(shares["val"] - 0.15) < 0.03


def test_copies_do_not_fill_a_split() -> None:
    images = np.array([0] * 80 + list(range(1, 40)))
    splits = split(images, ["a"] * len(images), images)
    distinct = Counter(side for _, side in set(zip(images.tolist(), splits, strict=True)))
    assert distinct == {"train": 28, "val": 6, "test": 6}
