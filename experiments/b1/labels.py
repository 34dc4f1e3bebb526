"""Create tables of labels for `batchmri evaluate` from DATA, the folder of the training data.

    python -m experiments.b1.labels DATA OUT

heads.csv       volumes of tumor-free heads, with the split of their original table
tumor.csv       GBM and BraTS volumes
healthy.csv     the healthy Philips head
dev-volumes.csv tumors in volumes/dev, for choosing series rules
heads-NAME.csv, tumor-NAME.csv, gbm-slices-NAME.csv
                subsets that are held out from the training of release-0.1/NAME.yaml
gbm-slices.csv, lgg-dev.csv, atlas44-t1c.csv, atlas44-t1.csv, pituitary-coronal.csv
                slices and images of other sources; only the GBM slices are training data
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from batchmri.training.holdout import belongs_to
from batchmri.training.settings import TrainSettings
from experiments.b1.sources import gbm_slices

Record = dict[str, object]
_CONFIGS = Path(__file__).parent / "release-0.1"


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def heads(data: Path) -> Iterator[Record]:
    """Yield the volumes of tumor-free heads."""
    for row in read(data / "sources/heads/table.csv"):
        yield {
            "path": Path(row["file"]).name,
            "label": "notumor",
            "patient": f"{row['source']} {row['subject']}",
            "source": row["source"],
            "split": row["split_hint"],
        }


def tumor(data: Path) -> Iterator[Record]:
    """Yield the GBM and BraTS volumes."""
    for scan in sorted((data / "volumes/tumor").rglob("*.nii*")):
        if "mask" not in scan.name.lower() and "seg" not in scan.name.lower():
            patient = scan.relative_to(data / "volumes/tumor").parts[0]
            yield {
                "path": scan.relative_to(data / "volumes/tumor"),
                "label": "glioma",
                "patient": patient,
                "source": patient.split("-")[0],
            }


def dev_volumes(data: Path) -> Iterator[Record]:
    """Yield the volumes with a tumor in volumes/dev."""
    folder = data / "volumes/dev"
    for table in sorted(folder.glob("*/table.csv")):
        for row in read(table):
            yield {
                "path": f"{table.parent.name}/{row['file']}",
                "label": row.get("our_class", "pituitary"),
                "patient": row.get("patient") or row["case"],
                "source": table.parent.name,
                "split": "dev",
            }


def lgg(data: Path) -> Iterator[Record]:
    """Yield the low-grade glioma slices of held-out hospitals."""
    folder = data / "sources/lgg"
    for row in read(folder / "table.csv"):
        if row["split"] == "dev" and row["near_tumour"] != "1":
            mask = folder / row["mask"] if row["mask"] else ""
            yield {
                "file": folder / row["file"],
                "label": row["label"],
                "set": "lgg-dev",
                "patient": row["patient"],
                "mask": mask,
            }


def external(data: Path) -> Iterator[Record]:
    """Yield the images of atlas44 and pituitary-coronal."""
    folder = data / "external-dev/atlas44"
    for row in read(folder / "table.csv"):
        yield {
            "file": folder / row["file"],
            "label": row["our_class"],
            "set": f"atlas44-{row['sequence']}",
            "patient": row["scan_group"],
        }
    folder = data / "external-dev/pituitary-coronal"
    for row in read(folder / "table.csv"):
        yield {
            "file": folder / row["file"],
            "label": row["our_class"],
            "set": "pituitary-coronal",
            "patient": row["case"],
            "mask": folder / row["mask"] if row["mask"] else "",
        }


def write_held_out(out: Path, tables: dict[str, tuple[str, list[Record]]]) -> None:
    """Write the held-out subset of each table for each training configuration.

    `tables` contains the source and the records of each table by name.
    """
    for config in sorted(_CONFIGS.glob("*.yaml")):
        excluded = TrainSettings.load(config).held_out
        for name, (source, records) in tables.items():
            held_out = [
                record | {"split": "test"}
                for record in records
                if any(belongs_to(f"{source} {record['patient']}", one) for one in excluded)
            ]
            if held_out:
                write(out / f"{name}-{config.stem}.csv", held_out)


def write(path: Path, records: list[Record]) -> None:
    """Write a table with all columns that occur in the records."""
    with path.open("w", newline="", encoding="utf-8") as file:
        columns = list(dict.fromkeys(name for record in records for name in record))
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def main(data: Path, out: Path) -> None:
    """Write all tables."""
    out.mkdir(parents=True, exist_ok=True)
    volumes = {"heads": list(heads(data)), "tumor": list(tumor(data))}
    for name, records in volumes.items():
        write(out / f"{name}.csv", records)
    write(out / "healthy.csv", [{"path": "philips-mprage", "label": "notumor"}])
    write(out / "dev-volumes.csv", list(dev_volumes(data)))
    sets: dict[object, list[Record]] = {}
    gbm = gbm_slices(data / "volumes/tumor", beside_tumor=True)
    labeled_gbm = (record | {"set": "gbm-slices"} for record in gbm)
    for record in (*labeled_gbm, *lgg(data), *external(data)):
        for column in ("file", "mask"):
            if record.get(column):
                record[column] = Path(str(record[column])).resolve()
        sets.setdefault(record.pop("set"), []).append(record | {"split": "test"})
    for name, records in sets.items():
        write(out / f"{name}.csv", records)
    train_heads = [record for record in volumes["heads"] if record["split"] == "train"]
    write_held_out(
        out,
        {
            "heads": ("heads", train_heads),
            "tumor": ("gbm", volumes["tumor"]),
            "gbm-slices": ("gbm", sets["gbm-slices"]),
        },
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
