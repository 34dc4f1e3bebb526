"""Cases from generated volumes."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from batchmri.evaluation.inference import RowPredictions
from batchmri.training.table import Row
from experiments.b1.cases import volume_series
from experiments.b1.heatmaps import by_place

TABLES = {
    "sources/heads/table.csv": "file,split_hint,source,subject",
    "sources/heads-native/sources.csv": "volume,source,split",
    "volumes/dev/pituitary-volumes/table.csv": "file,patient",
    "volumes/dev/stripped-tumors/table.csv": "file,mask,patient,split\nt1.nii,mask.nii,p,train",
    "volumes/dev/other-volumes/table.csv": "file,our_class,patient",
}


def volume(path: Path, array: np.ndarray[Any, Any]) -> None:
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)  # type: ignore[no-untyped-call]


def test_slices_near_a_tumor_are_neither_with_nor_without_it(tmp_path: Path) -> None:
    for name, content in TABLES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    scan, mask = np.full((20, 20, 10), 100, np.uint8), np.zeros((20, 20, 10), np.uint8)
    scan[:, :, 0] = 0  # blank slices are left out
    mask[:10, :10, 5] = 1
    mask[:2, :2, 6] = 1  # too small to count as visible
    folder = tmp_path / "volumes" / "dev" / "stripped-tumors"
    volume(folder / "t1.nii", scan)
    volume(folder / "mask.nii", mask)
    (case,) = volume_series(tmp_path)
    assert case.trained and (case.label, case.person) == ("glioma", "p")
    labels = dict(zip((row.slice for row in case.rows), case.slice_labels, strict=True))
    assert labels == {1: False, 2: False, 3: None, 4: None, 5: True, 6: None, 7: None, 8: None,
                      9: False}  # fmt: skip
    (row,) = case.masked_rows
    assert (row.slice, row.mask) == (5, folder / "mask.nii")


def test_tumors_of_the_sella_are_measured_apart() -> None:
    maps = np.zeros((2, 3, 4, 4), np.float32)
    maps[0, 0, 0, 0] = maps[1, 2, 3, 3] = 1  # the first in the mask, the second not
    mask = np.zeros((4, 4), bool)
    mask[0, 0] = True
    found = RowPredictions(
        [Row(Path("any"), "glioma", "val")] * 2, ("glioma", "notumor", "pituitary"), 1,
        np.array([0, 2]), np.full((2, 3), 1 / 3), maps, np.zeros(3, np.float32),
        {0: mask, 1: mask}, np.arange(2),
    )  # fmt: skip
    pointing = {m.subset: m.value for m in by_place("val", found) if m.metric == "pointing"}
    assert pointing == {"val, sella": 0.0, "val, supratentorial or unknown": 1.0}
