import pytest
import torch

from batchmri.training.augment import Augmentation, RandJpeg, RandResample


def test_equal_seeds_produce_equal_changes() -> None:
    augmentation, image = Augmentation(), torch.rand(64, 64)
    first, _ = augmentation(image, image, 5)
    augmentation(image, image, 6)
    again, _ = Augmentation()(image, image, 5)
    assert torch.equal(first, again)


def test_the_mask_moves_with_the_image_and_keeps_its_levels() -> None:
    image = torch.zeros(96, 96)
    image[30:42, 60:72] = 1
    augmentation = Augmentation()
    for seed in range(20):
        changed, mask = augmentation(image, image, seed)
        assert changed.min() >= 0 and changed.max() <= 1
        assert changed[mask > 0.9].mean() > 0.5
        assert changed[mask == 0].mean() < 0.1
    flipped = {bool(augmentation(image, image, seed)[1][:, :48].sum() > 20) for seed in range(8)}
    assert flipped == {True, False}


def test_larger_width_increases_changes() -> None:
    image = torch.zeros(96, 96)
    image[30:60, 40:70] = torch.linspace(0.2, 1, 30)
    changes = []
    for width in (0.5, 1.0, 2.0):
        drawn = [Augmentation(width)(image, image, seed)[0] for seed in range(12)]
        changes.append(torch.stack([(one - image).abs().mean() for one in drawn]).mean())
    assert changes[0] < changes[1] < changes[2]


def test_a_jpeg_changes_little_and_keeps_range_and_shape() -> None:
    image = torch.linspace(0, 1, 64 * 64).reshape(1, 64, 64)
    stored = RandJpeg(prob=1.0).set_random_state(3)(image)
    assert stored.shape == image.shape and stored.min() >= 0 and stored.max() <= 1
    assert 0 < (stored - image).abs().max() < 0.1


def test_resampling_blurs_by_zoom_and_skips_zooms_above_one() -> None:
    image = (torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    coarse = RandResample(1.0, (0.25, 0.25)).set_random_state(1)(image)
    less = RandResample(1.0, (0.8, 0.8)).set_random_state(1)(image)
    assert coarse.shape == image.shape
    assert coarse.std() < less.std() < image.std()
    assert coarse.mean() == pytest.approx(image.mean().item(), abs=0.02)
    assert torch.equal(RandResample(1.0, (1.0, 1.5)).set_random_state(1)(image), image)
    assert torch.equal(RandResample(0.0, (0.2, 0.3)).set_random_state(1)(image), image)
