from pathlib import Path

import numpy as np
import pytest
import torch

from batchmri.errors import UsageError
from batchmri.preparation.transforms import PreparationSettings, prepare
from batchmri.training.augment import Augmentation
from batchmri.training.dataset import (
    AugmentedImages,
    EpochSampler,
    prepare_table,
    row_probabilities,
)
from batchmri.training.images import read_image
from batchmri.training.table import Row, read_table

SETTINGS = PreparationSettings(size=48)
FILE = Path("any")


def rows() -> list[Row]:
    def some(n: int, label: str, source: str, split: str = "train") -> list[Row]:
        return [Row(FILE, label, split, source) for _ in range(n)]  # type: ignore[arg-type]

    return [*some(30, "glioma", "a"), *some(10, "none", "a"), *some(5, "none", "b"),
            *some(7, "none", "b", "val")]  # fmt: skip


def test_weights_are_balanced_by_class_then_source() -> None:
    weights = row_probabilities(rows(), ("glioma", "none"), {})
    assert weights.sum() == pytest.approx(1)
    assert weights[:30].sum() == pytest.approx(0.5)
    assert weights[30:40].sum() == weights[40:45].sum() == pytest.approx(0.25)
    assert weights[45:].sum() == 0


def test_shares_set_the_weight_of_each_group() -> None:
    shares = {"a": {"glioma": 0.3, "none": 0.1}, "b": {"none": 0.6}}
    weights = row_probabilities(rows(), ("glioma", "none"), shares)
    assert weights[40:45].sum() == pytest.approx(0.6)
    assert weights[30:40].sum() == pytest.approx(0.1)


def test_shares_that_match_no_row_raise() -> None:
    with pytest.raises(UsageError, match="sampling_weights"):
        row_probabilities(rows(), ("glioma", "none"), {"c": {"none": 1.0}})


def test_row_weights_apply_within_a_group() -> None:
    heavy = [Row(FILE, "x", "train", weight=3), Row(FILE, "x", "train", weight=1)]
    assert row_probabilities(heavy, ("x",), {}).tolist() == [0.75, 0.25]


def test_samples_of_an_epoch_do_not_depend_on_the_first_epoch() -> None:
    weights = np.full(20, 0.05)
    whole = list(EpochSampler(weights, 8, seed=3, first_epoch=0, epochs=3))
    rest = list(EpochSampler(weights, 8, seed=3, first_epoch=2, epochs=3))
    assert rest == whole[16:]
    assert [number for number, _ in whole] == list(range(24))
    assert whole != list(EpochSampler(weights, 8, seed=4, first_epoch=0, epochs=3))


def test_preparation_equals_that_of_scanning(heads: Path, tmp_path: Path) -> None:
    table = read_table(heads)
    prepared = prepare_table(table, tmp_path / "run", SETTINGS)
    image, spacing = read_image(table[0])
    scanned = prepare(image[None], spacing, SETTINGS).pixels
    assert np.abs(prepared.batch([0], SETTINGS).numpy() - scanned).max() <= 1.01 / 255


def test_prepared_arrays_are_reused(heads: Path, tmp_path: Path) -> None:
    table = read_table(heads)
    first = prepare_table(table, tmp_path / "run", SETTINGS)
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").iterdir()}
    again = prepare_table(table, tmp_path / "run", SETTINGS)
    assert np.array_equal(first.images, again.images)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "run").iterdir()} == files
    prepare_table(table, tmp_path / "run", PreparationSettings(size=40))
    assert len(list((tmp_path / "run").iterdir())) == 2 * len(files)


def test_hinges_apply_where_masks_are_known(heads: Path, tmp_path: Path) -> None:
    table = read_table(heads)
    table[2] = Row(table[2].file, "spot", "train")
    table[4] = Row(table[4].file, "spot", "train", mask=table[4].mask, mask_use="outside")
    drawn = AugmentedImages(
        prepare_table(table, tmp_path / "run", SETTINGS),
        ("notumor", "spot"),
        "notumor",
        SETTINGS,
        Augmentation(),
        seed=0,
    )
    held = [
        (bool(item["hold_inside"]), bool(item["hold_outside"]), bool(item["mask"].max() > 0.5))
        for item in (drawn[number, number] for number in range(5))
    ]
    assert held == [
        (True, True, True),  # tumor and mask
        (False, True, False),  # no tumor
        (False, False, False),  # tumor, no mask
        (False, True, False),
        (False, True, True),  # mask_use outside
    ]
    assert torch.equal(drawn[7, 0]["image"], drawn[7, 0]["image"])
    assert not torch.equal(drawn[7, 0]["image"], drawn[8, 0]["image"])
