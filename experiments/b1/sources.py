"""Training table of release 0.1, built from the folders of these sources.

    python -m experiments.b1.sources SHARED_DATA TABLE.csv

brain-tumor-mri   one row of manifest.csv per group of duplicates, with tumor masks
lgg               low-grade gliomas and tumor-free slices of the same patients
heads             tumor-free heads from many scanners, in three planes at all heights
gbm               glioblastomas, slices of volumes with masks
"""

import csv
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from batchmri.errors import UsageError
from batchmri.training.images import AXES, read_volume
from batchmri.training.table import OPTIONAL, REQUIRED, Plane

Record = dict[str, Any]

_NOTUMOR_SEQUENCES = Path(__file__).parent / "notumor_sequences.csv"

_TRAIN_STEP_MM = 5.0  # slice distance in training heads; all slices of dev heads are used
_SMALLEST_FIELD_MM = 80.0  # thinner slabs are not used in the planes across the slab
_FLATTEST_PIXEL = 2.0  # longest over shortest side
_SMALLEST_FOREGROUND = 0.03
_SMALLEST_TUMOR = 10  # pixels of a slice


def build_table(shared_data: Path, out: Path) -> int:
    """Write the table `out`, with mirrored masks next to it, and return the number of rows.

    Raises UsageError if a file is missing or cannot be read.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    records = [
        *_brain_tumor_mri(shared_data / "brain-tumor-mri", out.parent / "masks"),
        *_lgg(shared_data / "sources" / "lgg"),
        *_heads(shared_data / "sources" / "heads"),
        *(
            slice_ | {"split": "train", "source": "gbm", "sequence": "t1_contrast"}
            for slice_ in gbm_slices(shared_data / "volumes" / "tumor", beside_tumor=False)
        ),
    ]
    for record in records:
        for column in ("file", "mask"):
            if record.get(column):
                record[column] = os.path.relpath(record[column], out.parent)
    with out.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, REQUIRED + OPTIONAL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return len(records)


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def _brain_tumor_mri(folder: Path, turned_masks: Path) -> Iterator[Record]:
    # The sequences of tumor-free images are unpublished and were assessed visually, not by a
    # radiologist.
    seen = {row["file"]: row["sequence"] for row in _read(_NOTUMOR_SEQUENCES)}
    for row in _read(folder / "manifest.csv"):
        if row["representative"] != "1":
            continue
        mask: Path | None = None
        if row["cheng_index"]:
            mask = folder / "masks" / f"{int(float(row['cheng_index']))}.png"
            if row["cheng_orientation"] == "fliprot0":
                mask = _turned(mask, turned_masks)
        yield {
            "file": folder / row["file"],
            # Four files are in the wrong folder; the class of the original collection is correct.
            "label": row["cheng_class"] or row["class"],
            "split": row["suggested_split"],
            "source": "brain-tumor-mri",
            "patient": row["person"],
            "mask": mask,
            "sequence": "t1_contrast" if row["cheng_class"] else seen.get(Path(row["file"]).name),
        }


def _turned(mask: Path, folder: Path) -> Path:
    turned = folder / mask.name
    if not turned.exists():
        folder.mkdir(parents=True, exist_ok=True)
        image = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise UsageError(f"{mask}: not a readable image")
        cv2.imwrite(str(turned), image[:, ::-1])
    return turned


def _lgg(folder: Path) -> Iterator[Record]:
    for row in _read(folder / "table.csv"):
        if row["near_tumour"] == "1":
            continue  # this close to a tumor, the label "tumor-free" is uncertain
        yield {
            "file": folder / row["file"],
            "label": row["label"],
            "split": row["split"],
            "source": "lgg",
            "patient": row["patient"],
            "mask": folder / row["mask"] if row["mask"] else None,
            # Outlined on FLAIR, on which lesions are larger, so the area outside is tumor-free.
            "mask_use": "outside",
            "sequence": "t1_contrast",
        }


def _heads(folder: Path) -> Iterator[Record]:
    rows = _read(folder / "table.csv")
    volumes = Counter(row["source"] for row in rows)
    for row in rows:
        train = row["split_hint"] == "train"
        taken = _planes(folder / row["file"]) if train else ("axial",)
        for plane in taken:
            step_mm = _TRAIN_STEP_MM if train else 0.0
            for index in slices_of_volume(folder / row["file"], plane, step_mm):
                yield {
                    "file": folder / row["file"],
                    "label": "notumor",
                    "split": row["split_hint"],
                    "source": "heads",
                    "patient": f"{row['source']} {row['subject']}",
                    # Reduces the dominance of scanners with many volumes.
                    "weight": f"{volumes[row['source']] ** -0.5:.4f}",
                    "slice": index,
                    "plane": plane,
                    "sequence": "t1",
                }


def gbm_slices(folder: Path, beside_tumor: bool) -> Iterator[Record]:
    """Yield the slices of the glioblastoma volumes whose label is certain.

    Slices with a very small tumor area are omitted and, if `beside_tumor` is False, also tumor-free
    slices adjacent to slices with a tumor.
    """
    for scan in sorted(folder.glob("gbm-*/*_Scan_T1.nii.gz")):
        outline = scan.with_name(scan.name.replace("_Scan_T1", "_Mask"))
        areas = (read_volume(outline)[0] > 0).sum((0, 1))
        for index in slices_of_volume(scan, "axial", 0.0):
            tumor = bool(areas[index])
            doubtful = not (tumor or beside_tumor) and areas[max(0, index - 1) : index + 2].any()
            if doubtful or 0 < areas[index] < _SMALLEST_TUMOR:
                continue  # the visible content is uncertain
            yield {
                "file": scan,
                "label": "glioma" if tumor else "notumor",
                "patient": scan.parent.name,
                "mask": outline if tumor else None,
                "slice": index,
                "plane": "axial",
            }


def _planes(path: Path) -> Iterable[Plane]:
    volume, zooms = read_volume(path)
    for plane, axis in AXES.items():
        sides = [zooms[other] for other in range(3) if other != axis]
        fields = [volume.shape[other] * zooms[other] for other in range(3) if other != axis]
        if max(sides) / min(sides) <= _FLATTEST_PIXEL and min(fields) >= _SMALLEST_FIELD_MM:
            yield plane


def slices_of_volume(path: Path, plane: Plane, step_mm: float) -> Iterator[int]:
    """Yield the slices of a volume that show enough of the head, `step_mm` apart."""
    volume, zooms = read_volume(path)
    axis = AXES[plane]
    step = max(1, round(step_mm / zooms[axis]))
    bright = 0.1 * float(np.percentile(volume, 99))
    for index in range(step // 2, volume.shape[axis], step):
        if (np.take(volume, index, axis) > bright).mean() >= _SMALLEST_FOREGROUND:
            yield index


if __name__ == "__main__":
    data, table = map(Path, sys.argv[1:])
    print(f"{build_table(data, table)} rows in {table}")
