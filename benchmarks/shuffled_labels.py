"""Training table with shuffled labels: accuracy above chance on test would indicate a leak.

    python -m benchmarks.shuffled_labels TABLE SHUFFLED.csv
    batchmri train SHUFFLED.csv --out RUN --config FILE

The labels of train and val are permuted within each split; those of test and dev are unchanged.
Masks are omitted, since they would reveal tumors.
"""

import csv
import os
import random
import sys
from pathlib import Path

SHUFFLED = ("train", "val")


def main(table: Path, out: Path) -> None:
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for split in SHUFFLED:
        own = [row for row in rows if row["split"] == split]
        labels = [row["label"] for row in own]
        random.Random(0).shuffle(labels)
        for row, label in zip(own, labels, strict=True):
            row["label"] = label
    for row in rows:
        row["file"] = os.path.relpath(table.parent / row["file"], out.parent)
        row.pop("mask", None)
        row.pop("mask_use", None)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
