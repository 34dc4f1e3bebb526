import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from batchmri.training.loss import MapLoss, Targets

NO_TUMOR = 1
LOSS = MapLoss(NO_TUMOR, label_smoothing=0.0, map_weight=1.0)


def targets(label: int, inside: bool, outside: bool) -> Targets:
    mask = torch.zeros(1, 1, 40, 40)
    mask[:, :, :10, :10] = 1 if label != NO_TUMOR else 0
    return Targets(torch.tensor([label]), mask, torch.tensor([inside]), torch.tensor([outside]))


def maps(at_tumor: float, elsewhere: float) -> Tensor:
    """Create maps with evidence for class 0 in the 4 x 4 cells, and none for class 2."""
    found = torch.zeros(1, 3, 4, 4)
    found[:, 0] = elsewhere
    found[:, 0, 0, 0] = at_tumor
    found[:, 2] = -5
    return found


def test_hinge_is_zero_for_correct_maps() -> None:
    assert LOSS.hinge(maps(2.5, -1.5), targets(0, True, True)) == 0


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (maps(0.5, -1.5), 1.5),  # too little inside
        (maps(2.5, 1.0), 2.0 / 2),  # too much outside, averaged over two tumor classes
    ],
)
def test_hinge_value(found: Tensor, expected: float) -> None:
    assert LOSS.hinge(found, targets(0, True, True)).item() == pytest.approx(expected)


def test_outside_mask_applies_only_outside() -> None:
    assert LOSS.hinge(maps(0.5, -1.5), targets(0, False, True)) == 0
    assert LOSS.hinge(maps(0.5, 1.0), targets(0, False, True)) > 0


def test_tumor_without_mask_has_no_hinge() -> None:
    assert LOSS.hinge(maps(-9, 9), targets(0, False, False)) == 0


def test_tumor_free_images_are_all_outside() -> None:
    quiet, loud = maps(-2, -2), maps(3, -2)
    assert LOSS.hinge(quiet, targets(NO_TUMOR, False, True)) == 0
    assert LOSS.hinge(loud, targets(NO_TUMOR, False, True)).item() == pytest.approx(4 / 16 / 2)


def test_loss_without_map_weight_is_cross_entropy() -> None:
    found, wanted = maps(1, 0), targets(0, True, True)
    plain = MapLoss(NO_TUMOR, 0.0, 0.0)(found, wanted)
    assert plain == cross_entropy(found.mean((2, 3)), wanted.label)
    assert LOSS(found, wanted).item() == pytest.approx((plain + LOSS.hinge(found, wanted)).item())
