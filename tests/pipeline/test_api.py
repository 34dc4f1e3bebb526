"""The classifier as a callable from Python."""

from pathlib import Path

import numpy as np
import pytest

import batchmri
from batchmri.errors import ModelError, UsageError
from batchmri.model.card import read_card
from batchmri.pipeline.api import Classifier
from batchmri.pipeline.run.calibration_file import Calibration
from tests.pipeline.builders import head


@pytest.fixture(scope="module")
def classifier(random_model: Path) -> Classifier:
    return batchmri.load_classifier(random_model, device="cpu")


def test_images_of_any_size_and_bit_depth(classifier: Classifier) -> None:
    images = [
        head(64, 80),
        (head(120, 90) // 16).astype(np.uint8),
        head(50, 50).astype(np.float64) - 700,
    ]
    found = classifier(images)
    assert len(found.predicted) == 3 and set(found.predicted) <= set(classifier.classes)
    assert found.probabilities.shape == (3, 4)
    np.testing.assert_allclose(found.probabilities.sum(1), 1)
    assert found.predicted[1] == classifier.classes[found.probabilities[1].argmax()]
    assert found.maps.shape == (3, 4, 4, 4) and found.features.shape == (3, 1504)


def test_a_result_does_not_depend_on_other_images_in_the_batch(classifier: Classifier) -> None:
    images = [head(seed=seed) for seed in range(11)]
    together, alone = classifier(images), classifier(images[7:8])
    assert together.maps[7].tobytes() == alone.maps[0].tobytes()


@pytest.mark.parametrize(
    "images",
    [
        [],
        [np.zeros((4, 4, 3))],
        [np.zeros(9)],
        [np.zeros((0, 9))],
        [np.ones((9, 9), complex)],
        [np.full((9, 9), None)],
    ],
)
def test_input_that_is_not_a_list_of_2d_arrays_is_refused(
    images: list[np.ndarray], classifier: Classifier
) -> None:
    with pytest.raises(UsageError):
        classifier(images)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_array_with_a_value_that_is_not_finite_is_refused_by_its_index(
    value: float, classifier: Classifier
) -> None:
    image = head().astype(np.float32)
    image[3, 4] = value
    with pytest.raises(UsageError, match=r"^slices\[1\] contains NaN, infinite or "):
        classifier([head(), image])


def test_values_beyond_single_precision_are_refused(classifier: Classifier) -> None:
    with pytest.raises(UsageError, match=r"^slices\[0\] contains .* too large values$"):
        classifier([head().astype(np.float64) * 5e305])


@pytest.mark.parametrize("factor", [1e-40, 1e-20, 2e34])
def test_probabilities_do_not_depend_on_the_unit(factor: float, classifier: Classifier) -> None:
    image = head().astype(np.float64)
    both = classifier([image, (image * factor).astype(np.float32)]).probabilities
    np.testing.assert_allclose(both[1], both[0], atol=0.01)


def test_the_temperature_of_a_calibration_applies(
    classifier: Classifier, random_model: Path, tmp_path: Path
) -> None:
    card = read_card(random_model)
    path = tmp_path / "site.yaml"
    rules = {"temperature": 2 * card.temperature, "tumor_above": 0.7}
    path.write_bytes(Calibration(model_digest=card.weights_digest, verdict=rules).dump())
    calibrated = batchmri.load_classifier(random_model, calibration=path, device="cpu")
    found, before = calibrated([head()]), classifier([head()])
    roots = np.sqrt(before.probabilities)
    np.testing.assert_allclose(found.probabilities, roots / roots.sum())
    assert found.maps.tobytes() == before.maps.tobytes()


def test_a_calibration_of_another_model_is_refused(random_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(Calibration(model_digest="fedc", verdict={"temperature": 2.0}).dump())
    with pytest.raises(ModelError, match=r"^calibration: .*site.yaml was made for the model fedc"):
        batchmri.load_classifier(random_model, calibration=path)
