"""Count the verdicts on the volumes of DATA, from the tables of a scan.

    batchmri scan DATA/volumes/tumor DATA/volumes/healthy DATA/sources/heads/volumes --out OUT
    python -m experiments.b1.volumes OUT DATA

Sources used in training are listed separately from sources used only for evaluation.
"""

import csv
import sys
from collections import Counter
from pathlib import Path


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def group_of(source: str, hints: dict[str, str]) -> str:
    """Return the group of a volume by its source."""
    root, _, below = source.partition("/")
    if root == "tumor":
        return (
            "GBM and BraTS volumes (evaluation only)"
            if "gbm" in below or "brats" in below
            else root
        )
    if root == "healthy":
        return "healthy Philips head (evaluation only)"
    return f"tumor-free heads, {hints[Path(below).name]}"


def main(out: Path, data: Path) -> None:
    """Print the number of series with each verdict, by group."""
    hints = {
        Path(row["file"]).name: row["split_hint"]
        for row in read(data / "sources" / "heads" / "table.csv")
    }
    verdicts: dict[str, Counter[str]] = {}
    for row in read(out / "series.csv"):
        if row["status"] == "classified":
            verdicts.setdefault(group_of(row["source"], hints), Counter())[row["verdict"]] += 1
    print("| group | series | notumor | indeterminate | glioma | meningioma | pituitary |")
    print("|---|---|---|---|---|---|---|")
    names = ("notumor", "indeterminate", "glioma", "meningioma", "pituitary")
    for group, counts in sorted(verdicts.items()):
        cells = [str(counts[name]) for name in names]
        print(f"| {group} | {counts.total()} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
