"""Comparison of rules that aggregate slices to series, on scans of labeled volumes.

    python -m experiments.b1.rules LABELS OUT [LABELS OUT ...]

LABELS is a table as for `batchmri evaluate --labels`, and OUT a scan of the same volumes.
Alternatively, LABELS is a table of images, and OUT the output of `batchmri evaluate` on it; the
images of one patient and label are then a series. Prints, for each rule, the AUC and the minimum,
median and maximum suspicion (mean probability of any tumor in the deciding slices) by label and
split. Also prints the AUC of a logistic regression on all rules, cross-validated by patient.
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from batchmri.settings.verdict import VerdictSettings
from batchmri.verdict.series import most_suspicious_run

Rule = Callable[[Sequence[float]], float]
Curve = tuple[str, list[float]]  # patient, and the suspicion of the slices in order
Groups = dict[tuple[str, str], list[Curve]]  # by label and split


def run(shortest: int, fraction: float) -> Rule:
    """Return the rule that averages the most suspicious run of adjacent slices."""
    rules = VerdictSettings(top_slices=shortest, run_fraction=fraction)
    return lambda curve: float(np.mean([curve[i] for i in most_suspicious_run(curve, rules)]))


def top(count: int) -> Rule:
    """Return the rule that averages the most suspicious slices at any position."""
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
    """Return the rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def curves_of_scan(labels: Path, scan: Path, fraction: float) -> Groups:
    """Return the series of a scan, without slices whose brain box is too small.

    The area of a box must be at least `fraction` of the largest in its series.
    """
    rows = defaultdict(list)
    for row in read(scan / "slices.csv"):
        rows[row["study_uid"], row["series_uid"], row["series_part"]].append(row)
    wanted = read(labels)
    found: Groups = defaultdict(list)
    for slices in rows.values():
        source = slices[0]["source"]
        label = next((r for r in wanted if f"/{r['path']}" in f"/{source}"), None)
        if label is None:
            continue
        slices = [s for s in slices if "crop_failed" not in s["flags"]] or slices
        areas = [int(s["crop_width"]) * int(s["crop_height"]) for s in slices]
        large = [s for s, area in zip(slices, areas, strict=True) if area >= fraction * max(areas)]
        curve = [1 - float(s["p_notumor"]) for s in large]
        group = label["label"], label.get("split", "")
        found[group].append((label.get("patient", source), curve))
    return found


def curves_of_images(labels: Path, evaluation: Path) -> Groups:
    """Return the images of a table, with those of one patient and label as a series."""
    series: dict[tuple[str, str], list[float]] = defaultdict(list)
    rows = zip(read(labels), read(evaluation / "predictions.csv"), strict=True)
    for row, prediction in rows:
        if Path(row["file"]).name != Path(prediction["file"]).name:
            raise SystemExit(
                f"{evaluation}: does not contain predictions for the images of {labels}"
            )
        series[row["label"], row["patient"]].append(1 - float(prediction["p_notumor"]))
    found: Groups = defaultdict(list)
    for (label, patient), curve in series.items():
        found[label, "images"].append((patient, curve))
    return found


def learned_auc(groups: Groups) -> float:
    """Return the AUC of a logistic regression on all rules, cross-validated by patient."""
    series = [(key[0] != "notumor", *one) for key, found in groups.items() for one in found]
    truth = [tumor for tumor, _, _ in series]
    features = [[rule(c) for rule in RULES.values()] for _, _, c in series]
    predicted = cross_val_predict(
        LogisticRegression(max_iter=1000),
        np.array(features),
        truth,
        groups=[patient for _, patient, _ in series],
        cv=LeaveOneGroupOut(),
        method="predict_proba",
    )
    return float(roc_auc_score(truth, predicted[:, 1]))


def main(arguments: Sequence[str]) -> None:
    """Print the table of rules."""
    for fraction in (0.0, 0.5):
        groups: Groups = defaultdict(list)
        for labels, out in zip(arguments[::2], arguments[1::2], strict=True):
            scanned = (Path(out) / "slices.csv").exists()
            curves = (
                curves_of_scan(Path(labels), Path(out), fraction)
                if scanned
                else curves_of_images(Path(labels), Path(out))
            )
            for group, found in curves.items():
                groups[group] += found
        for name, rule in RULES.items():
            values = {
                key: sorted(rule(curve) for _, curve in found)
                for key, found in sorted(groups.items())
            }
            line = "  ".join(
                f"{'/'.join(key)} {v[0]:.2f} {np.median(v):.2f} {v[-1]:.2f}"
                for key, v in values.items()
            )
            free = [v for key, found in values.items() if key[0] == "notumor" for v in found]
            tumor = [v for key, found in values.items() if key[0] != "notumor" for v in found]
            auc = roc_auc_score([0] * len(free) + [1] * len(tumor), free + tumor)
            print(f"box {fraction:g}  {name:16} AUC {auc:.3f}  {line}")
        print(f"box {fraction:g}  learned on all   AUC {learned_auc(groups):.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
