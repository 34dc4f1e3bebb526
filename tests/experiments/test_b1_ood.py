"""Comparison of out-of-distribution scores, on generated features and images."""

import numpy as np
import pytest

from batchmri.model.ood import POOLED
from experiments.b1.ood import FAR, IN, Group, compare, limit
from experiments.b1.ood_items import far, inverted, shifted
from experiments.b1.ood_scores import fit_scores
from tests.experiments.made_up import domain

RANDOM = np.random.default_rng(0)


def features(n: int, pooled: float, texture: float) -> np.ndarray:
    values = RANDOM.normal(pooled, 0.1, (n, POOLED + 1)).astype(np.float32)
    values[:, POOLED:] = texture
    return values


def test_groups_in_distribution_count_the_same_for_the_limit() -> None:
    many, few = np.arange(100.0), np.array([200.0])
    assert limit([many]) == 94.0
    assert limit([many, few]) == 200.0  # 95% of both needs the single image


def test_the_table_shows_what_is_within_the_limit() -> None:
    inside = Group(IN, np.arange(100.0)[:, None], np.zeros((100, 2)))
    outside = Group(FAR, np.array([[50.0], [500.0], [600.0], [700.0]]), np.zeros((4, 2)))
    rows = compare({"first": lambda some, _: some[:, 0]}, {"own": inside, "photos": outside})
    table = {row[0]: row[1] for row in rows}
    assert table["in distribution: own (100)"] == "95%"
    assert table["far: photos (4)"] == "25%"
    assert table["far: FPR@95, mean of groups"] == "25%"
    assert table["far: AUROC"] == "0.876"  # (0.505 + 3) / 4: 50 ties with one image


def test_a_group_is_measured_by_the_limit_of_the_others() -> None:
    low = Group(IN, np.arange(20.0)[:, None], np.zeros((20, 2)))
    high = Group(IN, np.arange(10.0, 30.0)[:, None], np.zeros((20, 2)))
    rows = compare({"first": lambda some, _: some[:, 0]}, {"low": low, "high": high})
    table = {row[0]: row[1] for row in rows}
    assert table["limit without high: within"] == "45%"  # 10 to 18, the limit of 0 to 19
    assert table["limit without low: within"] == "100%"


def test_each_score_is_higher_for_what_it_looks_at() -> None:
    n = 80
    logits = np.tile([4.0, 0.0], (n, 1))
    scores = fit_scores(features(n, 1.0, 1.0), logits, np.arange(n) % 2, domain())
    same, other = features(5, 1.0, 1.0), features(5, -2.0, 9.0)
    sure, unsure = np.tile([4.0, 0.0], (5, 1)), np.zeros((5, 2))
    for name, score in scores.items():
        assert (score(other, unsure) > score(same, sure)).all(), name
    assert scores["texture"](other, sure) == pytest.approx(8.0)
    assert scores["energy"](other, sure) == pytest.approx(scores["energy"](same, sure))
    assert scores["msp"](same, unsure) == pytest.approx(0.5)


def test_items_are_gray_images() -> None:
    image = np.pad(np.full((40, 40), 200, np.float32), 12)
    copies = dict(shifted([image]))
    assert copies["half the resolution"].shape == (32, 32)
    assert np.array_equal(copies["flipped"], copies["flipped"][:, ::-1])
    assert dict(inverted([image]))["inverted T1"].max() == 0.0  # uniform: nothing is bright
    items = list(far())
    assert {name.split()[0] for name, _ in items} == {
        "pydicom", "photograph", "noise", "phantom", "text",
    }  # fmt: skip
    assert all(one.ndim == 2 and np.isfinite(one).all() for _, one in items)
