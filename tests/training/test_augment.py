import torch

from batchmri.training.augment import Augmentation


def test_the_same_seed_changes_the_same_way() -> None:
    augmentation, picture = Augmentation(), torch.rand(64, 64)
    first, _ = augmentation(picture, picture, 5)
    augmentation(picture, picture, 6)
    again, _ = Augmentation()(picture, picture, 5)
    assert torch.equal(first, again)


def test_the_mask_moves_with_the_picture_and_keeps_its_levels() -> None:
    picture = torch.zeros(96, 96)
    picture[30:42, 60:72] = 1
    augmentation = Augmentation()
    for seed in range(20):
        changed, mask = augmentation(picture, picture, seed)
        assert changed.min() >= 0 and changed.max() <= 1
        assert changed[mask > 0.9].mean() > 0.5
        assert changed[mask == 0].mean() < 0.1
    flipped = {
        bool(augmentation(picture, picture, seed)[1][:, :48].sum() > 20) for seed in range(8)
    }
    assert flipped == {True, False}
