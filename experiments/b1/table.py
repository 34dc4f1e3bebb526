"""The training table of the shipped weights, with the sources that were added for release 0.2.

    python -m experiments.b1.table SHARED_DATA BASE.csv OUT.csv [STRIPPED]

BASE.csv is the table of `batchmri data counterfactual` (or of experiments.b1.sources). Added are:

atlas44                  tumors of all kinds; a kind outside the three classes has the label `tumor`
atlas44-infratentorial   those of the posterior fossa heads-native             tumor-free heads at
native resolution, slices in three planes heads-sella              slices of tumor-free training
volumes through sella, hypothalamus and third ventricle, where the most false positives are
pituitary tumors stripped                 skull-stripped heads and gliomas; STRIPPED contains
stripped copies of volumes (heads_*.nii.gz, gbm_<patient>_*.nii.gz)

Images of split dev are used for thresholds and choices. Other lesions (granuloma, tuberculoma) are
excluded, because they are neither tumors nor tumor-free.
"""

import csv
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from batchmri.synthetic.anatomy import SELLA, frame_of, slices_through
from batchmri.training.images import AXES, read_volume
from batchmri.training.table import OPTIONAL, REQUIRED
from experiments.b1.sources import slices_of_volume

Record = dict[str, Any]

ANY_TUMOR = "tumor"
_LABELS = {"glioma": "glioma", "meningioma": "meningioma", "other_tumor": ANY_TUMOR}
_SEQUENCES = {"t1": "t1", "t1c": "t1_contrast"}
_WITHOUT_CONTRAST = 0.5  # weight: most tumors are hardly visible without contrast
_SMALLEST_TUMOR = 60  # pixels of a slice of a stripped volume
_BESIDE_TUMOR = 2  # slices at most this far from a tumor count as neither with nor without it
_STEP_MM = 10.0  # between slices of stripped heads
_ONE_OF_MANY = 0.02  # weight of a slice of a volume; the weights of a native head sum to 1
_SELLA_STEP_MM = 4.0
_DEV_STEP = 8  # every eighth slice of dev volumes, which are evaluated completely elsewhere


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def atlas(folder: Path) -> Iterator[Record]:
    """Visible tumors of the 44-class set, with those of its earlier part that are for training."""
    for row in read_csv(folder / "table.csv"):
        if row["tumour_visible"] == "yes" and row["our_class"] in _LABELS:
            yield _atlas_record(row, folder / row["file"])
    for row in read_csv(folder / "external_dev_reuse.csv"):
        yield _atlas_record(row, folder.parent.parent / row["file"])


def _atlas_record(row: dict[str, str], file: Path) -> Record:
    infratentorial = row["infratentorial"] == "yes"
    return {
        "file": file,
        "label": _LABELS[row["our_class"]],
        "split": row["split"],
        "source": "atlas44-infratentorial" if infratentorial else "atlas44",
        "patient": row["scan_group"],
        "weight": 1.0 if row["sequence"] == "t1c" else _WITHOUT_CONTRAST,
        "sequence": _SEQUENCES[row["sequence"]],
    }


def native_slices(table: Path) -> list[dict[str, str]]:
    """The rows of slices in a table that also lists complete volumes."""
    return [row for row in read_csv(table) if not row["file"].endswith(".nii.gz")]


def native_heads(folder: Path) -> Iterator[Record]:
    """Slices of tumor-free heads at native resolution; every head has the same weight."""
    for table in (folder / "table.csv", folder / "same-persons" / "table.csv"):
        rows = native_slices(table)
        slices = Counter(row["volume"] for row in rows)
        for row in rows:
            yield {
                "file": table.parent / row["file"],
                "label": "notumor",
                "split": row["split"],
                "source": "heads-native" if row["skull"] == "yes" else "stripped",
                "patient": f"{row['source']} {row['volume']}",
                "weight": f"{1 / slices[row['volume']]:.4f}",
                "sequence": "t1",
            }


def sella_slices(sources: Path) -> Iterator[Record]:
    """Slices of tumor-free training volumes through the region of the sella, in three planes."""
    for file, person, made_of, weight in _training_volumes(sources):
        frame = frame_of(*read_volume(file))
        if frame is None:
            continue
        slices = [
            (plane, index)
            for plane in AXES
            for index in slices_through(frame, SELLA, plane, _SELLA_STEP_MM)
        ]
        for plane, index in slices:
            record = _slice(file, index, "notumor", person, made_of, weight / len(slices))
            yield record | {
                "source": "heads-sella",
                "plane": plane,
                "sequence": "t1",
                "weight": f"{weight / len(slices):.4f}",
            }


def _training_volumes(sources: Path) -> Iterator[tuple[Path, str, str, float]]:
    """File, person, person in the other sources of the table, and weight of a volume."""
    heads = [
        row
        for row in read_csv(sources / "heads" / "table.csv")
        if row["split_hint"] == "train" and row["template"] == "0"
    ]
    volumes = Counter(row["source"] for row in heads)
    for row in heads:
        person = f"{row['source']} {row['subject']}"
        file = sources / "heads" / row["file"]
        yield file, person, f"heads {person}", volumes[row["source"]] ** -0.5
    for row in read_csv(sources / "heads-native" / "sources.csv"):
        if row["split"] == "train" and row["skull"] == "yes" and row["whole_volume"]:
            person = f"{row['source']} {row['volume']}"
            file = sources / "heads-native" / row["whole_volume"]
            yield file, person, f"heads-native {person}", 1.0


def stripped_tumors(folder: Path) -> Iterator[Record]:
    """Slices of skull-stripped training gliomas, with the tumor and away from it."""
    for row in read_csv(folder / "table.csv"):
        if row["split"] != "train":
            continue
        yield from _slices(folder / row["file"], folder / row["mask"], row["patient"], "", 1.0)


def stripped_copies(copies: Path, shared_data: Path) -> Iterator[Record]:
    """Slices of skull-stripped copies of heads and glioblastomas."""
    heads = {Path(row["file"]).name: row for row in read_csv(_heads(shared_data) / "table.csv")}
    for copy in sorted(copies.glob("heads_*.nii.gz")):
        row = heads[copy.name.removeprefix("heads_")]
        person = f"{row['source']} {row['subject']}"
        for plane in AXES:
            for index in slices_of_volume(copy, plane, _STEP_MM):
                record = _slice(copy, index, "notumor", person, f"heads {person}", _ONE_OF_MANY)
                yield record | {"plane": plane, "sequence": "t1"}
    for copy in sorted(copies.glob("gbm_*.nii.gz")):
        patient = copy.name.split("_")[1]
        scan = copy.name.removeprefix(f"gbm_{patient}_").replace("_Scan_T1", "_Mask")
        mask = shared_data / "volumes" / "tumor" / patient / scan
        yield from _slices(copy, mask, patient, f"gbm {patient}", 1.0)


def _slices(
    volume: Path, mask: Path, patient: str, made_of: str, weight: float
) -> Iterator[Record]:
    areas = (read_volume(mask)[0] > 0).sum((0, 1))
    for index in slices_of_volume(volume, "axial", 0.0):
        near = areas[max(0, index - _BESIDE_TUMOR) : index + _BESIDE_TUMOR + 1]
        if areas[index] >= _SMALLEST_TUMOR:
            record = _slice(volume, index, "glioma", patient, made_of, weight)
            # The outline includes edema, so only the area outside it is certain.
            yield record | {"mask": mask, "mask_use": "outside"}
        elif not near.any():
            yield _slice(volume, index, "notumor", patient, made_of, _ONE_OF_MANY)


def _slice(
    volume: Path, index: int, label: str, patient: str, made_of: str, weight: float
) -> Record:
    return {
        "file": volume,
        "label": label,
        "split": "train",
        "source": "stripped",
        "patient": patient,
        "weight": weight,
        "slice": index,
        "plane": "axial",
        "sequence": "t1_contrast",
        "made_of": made_of,
    }


def _heads(shared_data: Path) -> Path:
    return shared_data / "sources" / "heads"


def added(shared_data: Path, copies: Path | None) -> Iterator[Record]:
    """All records that are added to the base table."""
    yield from atlas(shared_data / "sources" / "atlas44")
    yield from native_heads(shared_data / "sources" / "heads-native")
    yield from sella_slices(shared_data / "sources")
    yield from stripped_tumors(shared_data / "volumes" / "dev" / "stripped-tumors")
    if copies is not None:
        yield from stripped_copies(copies, shared_data)


def write(records: Iterable[Record], base: Path, out: Path) -> Counter[tuple[str, str, str]]:
    """Write the base table and the records into `out`: counts by source, label and split."""
    rows: list[Record] = [
        dict(row)
        for place, row in enumerate(read_csv(base))
        if (row["source"], row["split"]) != ("heads", "dev") or place % _DEV_STEP == 0
    ]
    for row, folder in ((row, base.parent) for row in rows):
        for column in ("file", "mask"):
            if row.get(column):
                row[column] = folder / row[column]
    rows += records
    out.parent.mkdir(parents=True, exist_ok=True)
    counts: Counter[tuple[str, str, str]] = Counter()
    with out.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, REQUIRED + OPTIONAL, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            counts[row.get("source", ""), row["label"], row["split"]] += 1
            paths = {
                column: os.path.relpath(row[column], out.parent)
                for column in ("file", "mask")
                if row.get(column)
            }
            writer.writerow(row | paths)
    return counts


def main(arguments: list[str]) -> None:
    """Write the table and print the numbers of its rows."""
    shared_data, base, out = (Path(argument) for argument in arguments[:3])
    copies = Path(arguments[3]) if len(arguments) > 3 else None
    for group, count in sorted(write(added(shared_data, copies), base, out).items()):
        print(f"{count:6d}", *group)


if __name__ == "__main__":
    main(sys.argv[1:])
