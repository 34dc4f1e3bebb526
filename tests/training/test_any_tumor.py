"""Images with a tumor of unspecified class."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from batchmri.training.dataset import label_indices
from batchmri.training.loss import ANY_TUMOR, MapLoss, Targets
from batchmri.training.settings import TrainSettings
from batchmri.training.table import Row, classes_of
from batchmri.training.train import train

NO_TUMOR = 1
LOGITS = torch.tensor([[2.0, 1.0, -1.0, 0.5], [0.0, 3.0, 1.0, -2.0]])


def entropy(label: list[int], smoothing: float = 0.0) -> float:
    return MapLoss(NO_TUMOR, smoothing, 0.0).cross_entropy(LOGITS, torch.tensor(label)).item()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_with_classes_equals_torch(smoothing: float) -> None:
    labels = [0, 1]
    expected = cross_entropy(LOGITS, torch.tensor(labels), label_smoothing=smoothing)
    assert entropy(labels, smoothing) == pytest.approx(expected.item())


def test_loss_without_class_uses_the_probability_of_any_tumor() -> None:
    p_no_tumor = LOGITS.softmax(1)[:, NO_TUMOR]
    expected = -(1 - p_no_tumor).log().mean()
    assert entropy([ANY_TUMOR, ANY_TUMOR]) == pytest.approx(expected.item())


def test_gradient_does_not_prefer_a_tumor_class() -> None:
    """The gradient moves all tumor classes together, against no tumor."""
    values = LOGITS[:1].clone().requires_grad_()
    MapLoss(NO_TUMOR, 0.0, 0.0).cross_entropy(values, torch.tensor([ANY_TUMOR])).backward()
    assert values.grad is not None
    gradient, tumors = values.grad[0], [0, 2, 3]
    assert gradient[NO_TUMOR] > 0 and (gradient[tumors] < 0).all()
    shares = LOGITS[0, tumors].softmax(0)
    assert torch.allclose(gradient[tumors] / gradient[tumors].sum(), shares)


def test_hinge_inside_mask_applies_to_the_strongest_tumor_class() -> None:
    maps = torch.zeros(1, 3, 4, 4)
    maps[:, 2, 0, 0], maps[:, 0] = 2.5, -3.0
    maps[:, 2, 1:] = maps[:, 2, 0, 1:] = -3.0
    mask = torch.zeros(1, 1, 40, 40)
    mask[:, :, :10, :10] = 1
    held = torch.tensor([True])
    loss = MapLoss(NO_TUMOR, 0.0, 1.0)
    assert loss.hinge(maps, Targets(torch.tensor([ANY_TUMOR]), mask, held, held)) == 0
    assert loss.hinge(maps, Targets(torch.tensor([0]), mask, held, held)) == 5.0


def test_any_tumor_label_is_not_a_class() -> None:
    rows = [Row(Path("any"), label, "train") for label in ("spot", "tumor", "notumor")]
    assert classes_of(rows, "tumor") == ("notumor", "spot")
    assert classes_of(rows) == ("notumor", "spot", "tumor")
    assert label_indices(rows, ("notumor", "spot")) == [1, ANY_TUMOR, 0]


def test_training_ignores_the_any_tumor_label_as_class(heads: Path, tmp_path: Path) -> None:
    lines = heads.read_text().splitlines()
    lines[5] = lines[5].replace(",spot,", ",tumor,")
    image = lines[5].split(",")[0]
    lines += [f"{image},tumor,{split},made up," for split in ("val", "test", "dev")]
    heads.write_text("\n".join(lines) + "\n")
    settings = TrainSettings.model_validate(
        {
            "init": "random",
            "epochs": 1,
            "samples_per_epoch": 8,
            "batch_size": 4,
            "threads": 1,
            "loaders": 0,
            "any_tumor_label": "tumor",
            "preparation": {"size": 32},
        }
    )
    card = train(heads, tmp_path / "run", settings)
    assert card.classes == ("notumor", "spot")
    assert card.metrics["test"]["n"] == 4  # images without a class are not evaluated
    assert "made up_tumor_slices_called_tumor" in card.metrics["dev"]
