from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.training.images import read_gray, read_image, read_mask
from batchmri.training.table import Row, read_table
from experiments.b1.sources import build_table

pytestmark = pytest.mark.slow  # prepares the complete table of the shared data


@pytest.fixture(scope="module")
def rows(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    table = tmp_path_factory.mktemp("table") / "table.csv"
    build_table(shared_data, table)
    return read_table(table)


def test_splits_are_those_of_the_folders(rows: list[Row]) -> None:
    counts = Counter((row.source, row.split) for row in rows)
    assert counts["brain-tumor-mri", "train"] == 2330
    assert counts["brain-tumor-mri", "val"] == 638
    assert counts["brain-tumor-mri", "test"] == 616
    assert {source for source, split in counts if split == "dev"} == {"lgg", "heads"}
    named = {row.file.as_posix() for row in rows}
    assert not any("external-dev" in name for name in named)
    assert all("/volumes/tumor/gbm-" in name for name in named if "/volumes/tumor" in name)
    assert {row.split for row in rows if row.source == "gbm"} == {"train"}


def test_no_person_and_no_file_crosses_a_split(rows: list[Row]) -> None:
    for key in ("patient", "file"):
        splits: dict[str, set[str]] = {}
        for row in rows:
            if getattr(row, key):
                splits.setdefault(f"{row.source} {getattr(row, key)}", set()).add(row.split)
        assert all(len(found) == 1 for found in splits.values())


def test_anisotropic_volumes_are_used_in_one_plane(rows: list[Row]) -> None:
    planes: dict[str, set[str | None]] = {}
    for row in rows:
        planes.setdefault(row.file.name.split(".")[0], set()).add(row.plane)
    assert planes["hku-0055t-01"] == {"coronal"}
    assert planes["hku-0055t-02"] == {"sagittal"}
    assert planes["ptbp-jlf-01"] == {"axial"}
    assert planes["colin27-01"] == {"axial", "coronal", "sagittal"}


def test_masks_match_their_tumors(rows: list[Row]) -> None:
    tumors = [r for r in rows if r.source == "brain-tumor-mri" and r.mask and r.split == "train"]
    meningiomas = [row for row in tumors if row.label == "meningioma"][::20]
    brighter = 0
    for row in meningiomas:
        assert row.mask is not None
        image, mask = read_gray(row.file), read_gray(row.mask) > 0
        assert image.shape == mask.shape
        ring = cv2.dilate(mask.astype(np.uint8), np.ones((25, 25))) > mask
        brighter += image[mask].mean() > image[ring].mean()
    assert brighter >= 0.9 * len(meningiomas)  # they enhance with contrast


def test_masks_of_volumes_match_their_slices(rows: list[Row]) -> None:
    tumors = [row for row in rows if row.source == "gbm" and row.label == "glioma"]
    assert len({row.patient for row in tumors}) == 5
    taken, brighter = tumors[::6], 0
    for row in taken:
        image, mask = read_image(row)[0], read_mask(row) > 0
        head = image > 0.1 * np.percentile(image, 99)
        assert image.shape == mask.shape
        assert head[mask].mean() > 0.9
        brighter += image[mask].mean() > image[head].mean()
    assert brighter >= 0.8 * len(taken)  # they enhance with contrast
