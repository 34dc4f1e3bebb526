"""Rules from slices to series, compared on the slices that scans of labelled volumes left.

    python -m benchmarks.rules LABELS SCAN [LABELS SCAN ...]

LABELS as for `batchmri evaluate --labels`, SCAN the output of a scan of the same volumes. Prints
for every rule the suspicion (mean probability of any tumour in the slices that decide) of tumour
and of tumour-free series by their split: the lowest, the median, the highest, and the AUC.
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from batchmri.settings import VerdictSettings
from batchmri.verdict import most_suspicious_run

Rule = Callable[[Sequence[float]], float]


def run(shortest: int, fraction: float) -> Rule:
    """The most suspicious run of neighbours."""

    rules = VerdictSettings(top_slices=shortest, run_fraction=fraction)
    return lambda curve: float(np.mean([curve[i] for i in most_suspicious_run(curve, rules)]))


def top(count: int) -> Rule:
    """The most suspicious slices, wherever they lie."""
    return lambda curve: float(np.sort(curve)[-count:].mean())


RULES: dict[str, Rule] = {
    "top 1": top(1),
    "top 3": top(3),
    "top 5": top(5),
    "run of 3": run(3, 0),
    "run of 3 or 5%": run(3, 0.05),
    "run of 3 or 10%": run(3, 0.1),
    "run of 5": run(5, 0),
}


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def curves(labels: Path, scan: Path, fraction: float) -> dict[tuple[str, str], list[list[float]]]:
    """The suspicion of the slices of every series, by (label, split)."""
    rows = defaultdict(list)
    for row in read(scan / "slices.csv"):
        rows[row["source"] if row["series_part"] == "" else row["series_uid"]].append(row)
    wanted = read(labels)
    found = defaultdict(list)
    for source, slices in rows.items():
        label = next((r for r in wanted if f"/{r['path']}" in f"/{source}"), None)
        if label is None:
            continue
        slices = [s for s in slices if "crop_failed" not in s["flags"]] or slices
        areas = [int(s["crop_width"]) * int(s["crop_height"]) for s in slices]
        fit = [s for s, area in zip(slices, areas, strict=True) if area >= fraction * max(areas)]
        found[label["label"], label.get("split", "")].append(
            [1 - float(s["p_notumor"]) for s in fit]
        )
    return found


def main(arguments: Sequence[str]) -> None:
    """Print the table of rules."""
    for fraction in (0.0, 0.5):
        groups: dict[tuple[str, str], list[list[float]]] = {}
        for labels, scan in zip(arguments[::2], arguments[1::2], strict=True):
            groups |= curves(Path(labels), Path(scan), fraction)
        for name, rule in RULES.items():
            values = {key: sorted(map(rule, found)) for key, found in sorted(groups.items())}
            told = "  ".join(
                f"{'/'.join(key)} {v[0]:.2f} {np.median(v):.2f} {v[-1]:.2f}"
                for key, v in values.items()
            )
            free = [v for key, found in values.items() if key[0] == "notumor" for v in found]
            tumor = [v for key, found in values.items() if key[0] != "notumor" for v in found]
            auc = roc_auc_score([0] * len(free) + [1] * len(tumor), free + tumor)
            print(f"box {fraction:g}  {name:16} AUC {auc:.3f}  {told}")


if __name__ == "__main__":
    main(sys.argv[1:])
