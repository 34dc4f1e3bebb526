from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batchmri.model.card import Card
from batchmri.model.checkpoint import load_checkpoint, save_checkpoint
from batchmri.model.network import ClassMapNetwork
from batchmri.model.ood import POOLED, DomainModel


def make_domain_model() -> DomainModel:
    arrays = ([1.0, 2.0, 3.0], [1.0, 2.0, 1.0], [[1, 0, 0]], [2.0], [4.0], [2.0])
    probes = [[0.0, 0.0, 5.0, 0.0], [0.0, 0.0, 0.0, -20.0]]
    return DomainModel(*(np.array(a, np.float32) for a in (*arrays, probes)))


def features(*texture: float) -> np.ndarray:
    return np.concatenate([np.zeros(POOLED), texture]).astype(np.float32)[None]


def test_distance_along_axes_and_of_residual_by_hand() -> None:
    assert make_domain_model().distances(features(1, 2, 3))[0] == 0
    assert make_domain_model().distances(features(5, 2, 3))[0] == pytest.approx(2)  # 4 / spread 2
    assert make_domain_model().distances(features(1, 10, 3))[0] == pytest.approx(2)  # 4² / rest 4
    both = make_domain_model().distances(features(5, 10, 3))[0]
    assert both == pytest.approx(8**0.5)


def test_scores_are_relative_to_the_limit_and_probes_are_probabilities() -> None:
    look = make_domain_model().scores(features(5, 2, 3.5))[0]
    assert look.ood_score == pytest.approx((4 + 0.0625) ** 0.5 / 2)
    assert look.t1 == pytest.approx(1 / (1 + np.exp(-2.5)))
    assert look.contrast < 1e-6


def test_scores_of_a_slice_do_not_depend_on_the_other_slices() -> None:
    random = np.random.default_rng(0)
    k, d = 224, 64
    shapes = ((k,), (k,), (d, k), (d,), (1,), (1,), (2, k + 1))
    model = DomainModel(*(random.uniform(0.5, 2, shape).astype(np.float32) for shape in shapes))
    rows = random.normal(1, 1, (24, POOLED + k)).astype(np.float32)
    assert model.scores(rows) == [model.scores(row[None])[0] for row in rows]


def test_pooled_activation_is_ignored() -> None:
    changed = features(5, 2, 3)
    changed[0, :POOLED] = 1e6
    assert make_domain_model().distances(changed)[0] == pytest.approx(2)


def test_domain_model_is_restored_from_its_tensors() -> None:
    again = DomainModel.from_tensors(make_domain_model().tensors())
    assert again is not None and again.scores(features(2, 2, 2)) == make_domain_model().scores(
        features(2, 2, 2)
    )
    assert DomainModel.from_tensors({}) is None


def test_domain_model_is_stored_with_the_weights(tmp_path: Path) -> None:
    detector = replace(make_domain_model(), axes=np.asfortranarray(np.eye(3, dtype=np.float32)[:2]))
    network, path = ClassMapNetwork(2), tmp_path / "m.safetensors"
    card = Card(classes=("a", "b"), no_tumor_class="b", preparation={})
    save_checkpoint(path, network, card, detector)
    _, _, found = load_checkpoint(path)
    assert found is not None and (found.axes == detector.axes).all()
    save_checkpoint(path, network, card)
    assert load_checkpoint(path)[2] is None
