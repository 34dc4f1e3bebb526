import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import nibabel
import numpy as np
import pytest

from batchmri.errors import UsageError
from batchmri.synthetic.build import build_counterfactuals, controls, removals
from batchmri.synthetic.head import Head
from batchmri.synthetic.sheet import sheet
from batchmri.training.table import read_table

MakeHead = Callable[..., Head]
WANTED = {"removed": 3, "control": 4, "transplanted": 4}
PLACES = {"glioma": (190, 110), "meningioma": (90, 40), "pituitary": (170, 104)}


@pytest.fixture
def table(tmp_path: Path, make_head: MakeHead) -> Path:
    """Table with tumors in every split and tumor-free heads of two sources, one a volume."""
    records: list[dict[str, Any]] = []
    for number in range(18):
        label = sorted(PLACES)[number % 3]
        head = make_head(f"p{number}", tumor=PLACES[label], noise=number)
        assert head.mask is not None
        cv2.imwrite(str(tmp_path / f"{number}.png"), head.image)
        cv2.imwrite(str(tmp_path / f"{number}-mask.png"), head.mask.astype(np.uint8) * 255)
        records.append(
            {
                "file": f"{number}.png",
                "label": label,
                "split": "val" if number < 3 else "train",
                "source": "tumors",
                "patient": f"p{number}",
                "mask": f"{number}-mask.png",
            }
        )
    slices = [make_head("v", noise=50 + number).image for number in range(4)]
    volume = np.stack([image.T[::-1, ::-1] for image in slices], axis=2)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii.gz")
    for number in range(4):
        records.append(
            {
                "file": "v.nii.gz",
                "label": "notumor",
                "split": "train",
                "source": "volumes",
                "patient": "v",
                "slice": number,
                "plane": "axial",
            }
        )
        name = f"free{number}.png"
        cv2.imwrite(str(tmp_path / name), make_head("f", noise=80 + number).image)
        records.append({"file": name, "label": "notumor", "split": "train", "source": "free"})
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(
            handle, ["file", "label", "split", "source", "patient", "mask", "slice", "plane"]
        )
        writer.writeheader()
        writer.writerows(records)
    return path


def test_new_table_contains_the_old_rows_and_synthetic_images(table: Path, tmp_path: Path) -> None:
    counts = build_counterfactuals(table, tmp_path / "out", WANTED)
    before, after = read_table(table), read_table(tmp_path / "out" / "table.csv")
    kept = after[: len(before)]
    for ours, theirs in zip(kept, before, strict=True):
        assert ours.file.resolve() == theirs.file.resolve()
        assert (ours.label, ours.split, ours.slice) == (theirs.label, theirs.split, theirs.slice)
    made = after[len(before) :]
    assert {source: sum(row.source == source for row in made) for source in WANTED} == WANTED
    assert len(made) == sum(counts.values())
    for row in made:
        assert row.split == "train"
        assert row.source != "removed" or (row.label == "notumor" and row.mask is None)
        assert row.source == "removed" or (row.mask is not None) == (row.label != "notumor")


def test_only_the_train_split_is_read(table: Path, tmp_path: Path) -> None:
    for number in range(3):  # of val
        (tmp_path / f"{number}.png").write_bytes(b"not an image")
    build_counterfactuals(table, tmp_path / "out", WANTED)


def test_the_same_seed_makes_the_same_bytes(table: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        build_counterfactuals(table, tmp_path / name, WANTED)
    images = sorted((tmp_path / "one" / "pictures").iterdir())
    assert images
    for path in images:
        assert path.read_bytes() == (tmp_path / "two" / "pictures" / path.name).read_bytes()


def test_gliomas_are_not_removed(table: Path, tmp_path: Path) -> None:
    build_counterfactuals(table, tmp_path / "out", {**WANTED, "removed": 40})
    made = [row for row in read_table(tmp_path / "out" / "table.csv") if row.source == "removed"]
    gliomas = {f"tumors p{number}" for number in range(0, 18, 3)}
    assert made and not gliomas & {row.patient for row in made}


def test_fills_are_unique(make_head: MakeHead) -> None:
    made = list(removals([make_head("t", (90, 40), "meningioma")], np.random.default_rng(0)))
    assert [one.donor.row for one in made] == [made[0].head.row]  # its opposite half, once


def test_controls_change_an_area_outside_the_tumor(make_head: MakeHead) -> None:
    tumors = [make_head(f"t{n}", PLACES[label], label) for n, label in enumerate(sorted(PLACES))]
    donors = [make_head(f"d{n}", noise=n + 1) for n in range(4)]
    made = list(controls([*tumors, *donors], 5, np.random.default_rng(0)))
    assert {one.head.mask is None for one in made} == {True, False}
    for one in made:
        changed = one.image != one.head.image
        assert changed.any() and one.label == one.head.row.label
        assert one.head.mask is None or not (changed & one.head.mask).any()


def test_sheet_contains_every_image() -> None:
    bright = np.full((40, 20), 200, np.uint8)
    page = sheet([[bright, bright]] * 3, across=2)
    assert page.shape == (2 * 134, 2 * 262)
    assert (page == 200).sum() > 0.9 * 6 * 64 * 128


@pytest.mark.parametrize(
    ("dropped", "says"),
    [
        (("mask",), "has a tumor mask.*columns mask and mask_use"),
        (("slice", "plane"), "the plane of no image with a tumor mask is known.*slice and plane"),
    ],
)
def test_table_without_outlines_or_planes_raises_one_line_error(
    table: Path, tmp_path: Path, dropped: tuple[str, ...], says: str
) -> None:
    with table.open(newline="") as handle:
        records = list(csv.DictReader(handle))
    kept = [name for name in records[0] if name not in dropped]
    lacking = tmp_path / "lacking.csv"
    with lacking.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(r for r in records if not (r["slice"] and "plane" in dropped))
    with pytest.raises(UsageError, match=says) as caught:
        build_counterfactuals(lacking, tmp_path / "out", WANTED)
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()
