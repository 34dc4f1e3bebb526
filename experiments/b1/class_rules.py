"""Comparison of rules for the class of a series, on the slices of finished scans.

    python -m experiments.b1.labels DATA LABELS
    batchmri scan DATA/volumes/dev --out OUT
    python -m experiments.b1.class_rules LABELS/dev-volumes.csv OUT [LABELS OUT ...]

LABELS is a table as for `batchmri evaluate --labels`, and OUT a scan. Alternatively, LABELS is a
table of images, and OUT the output of `batchmri evaluate` on it; the images of one patient and
label are then a series. In each series with a tumor, the eligible slices (docs/verdict.md) whose
probability of any tumor reaches a threshold are suspicious; if there are none, those of the most
suspicious run are. Prints, for each rule and threshold, how many series get the correct tumor
class, the mean log loss of that class's share among the tumor classes, and the correct series by
label. Whether a tumor is detected is not evaluated.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from batchmri.records import Classes
from batchmri.settings.verdict import VerdictSettings
from batchmri.verdict.series import most_suspicious_run
from experiments.b1.rules import read

Floats = npt.NDArray[np.float64]
Rule = Callable[[Floats], Floats]
CLASSES = Classes(("glioma", "meningioma", "notumor", "pituitary"), "notumor")
TUMORS = [CLASSES.names.index(n) for n in CLASSES.names if n != CLASSES.no_tumor]
NO_TUMOR = CLASSES.names.index(CLASSES.no_tumor)


def mean(rows: Floats) -> Floats:
    """Return the shares of the summed probabilities, which weights slices by suspicion."""
    total: Floats = rows[:, TUMORS].sum(0)
    return total / total.sum()


def mean_of_shares(rows: Floats) -> Floats:
    """Return the mean share of each class in the slices' tumor probability, with equal weights."""
    shares: Floats = (rows[:, TUMORS] / rows[:, TUMORS].sum(1, keepdims=True)).mean(0)
    return shares


def weighted_logits(rows: Floats) -> Floats:
    """Return the shares by the suspicion-weighted mean of log probabilities."""
    weights = 1 - rows[:, NO_TUMOR]
    logits = (weights[:, None] * np.log(rows[:, TUMORS].clip(1e-6))).sum(0) / weights.sum()
    odds: Floats = np.exp(logits - logits.max())
    return odds / odds.sum()


def vote(rows: Floats) -> Floats:
    """Return the share of slices in which each tumor class is the most probable one."""
    votes = np.bincount(rows[:, TUMORS].argmax(1), minlength=len(TUMORS)) + 1e-3
    shares: Floats = votes / votes.sum()
    return shares


RULES: dict[str, Rule] = {
    "mean of probabilities": mean,
    "mean of shares": mean_of_shares,
    "weighted mean of logits": weighted_logits,
    "vote": vote,
}


def series_of_scan(labels: Path, scan: Path) -> dict[tuple[str, str], Floats]:
    """Return the probabilities of eligible slices of series with a tumor, by label and source."""
    rows = defaultdict(list)
    for row in read(scan / "slices.csv"):
        rows[row["study_uid"], row["series_uid"], row["series_part"]].append(row)
    found: dict[tuple[str, str], Floats] = {}
    wanted = read(labels)
    for slices in rows.values():
        source = slices[0]["source"]
        label = next((r["label"] for r in wanted if f"/{r['path']}" in f"/{source}"), None)
        if label is None or label == CLASSES.no_tumor:
            continue
        boxed = [s for s in slices if "crop_failed" not in s["flags"]]
        areas = [int(s["crop_width"]) * int(s["crop_height"]) for s in boxed]
        minimum = VerdictSettings().min_box_fraction * max(areas, default=0)
        eligible = [s for s, area in zip(boxed, areas, strict=True) if area >= minimum] or slices
        found[label, source] = np.array(
            [[float(s[f"p_{n}"]) for n in CLASSES.names] for s in eligible]
        )
    return found


def series_of_images(labels: Path, evaluation: Path) -> dict[tuple[str, str], Floats]:
    """Return the probabilities of the images of patients with a tumor, by label and patient."""
    rows: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    predicted = read(evaluation / "predictions.csv")
    for row, prediction in zip(read(labels), predicted, strict=True):
        if row["label"] != CLASSES.no_tumor:
            patient = row["label"], row["patient"]
            rows[patient].append([float(prediction[f"p_{n}"]) for n in CLASSES.names])
    return {key: np.array(found) for key, found in rows.items()}


def run_of(rows: Floats) -> Floats:
    """Return the rows of the most suspicious run."""
    return rows[list(most_suspicious_run(list(1 - rows[:, NO_TUMOR]), VerdictSettings()))]


def report(name: str, shares: dict[tuple[str, str], Floats]) -> None:
    """Print the accuracy and log loss of the shares that a rule computed."""
    places = {CLASSES.names[place]: i for i, place in enumerate(TUMORS)}
    right: dict[str, list[bool]] = defaultdict(list)
    loss: list[float] = []
    for (label, _), share in shares.items():
        right[label].append(int(share.argmax()) == places[label])
        loss.append(-float(np.log(share[places[label]].clip(1e-6))))
    each = "  ".join(f"{label} {sum(r)}/{len(r)}" for label, r in sorted(right.items()))
    total = sum(map(sum, right.values()))
    print(f"{name:42} right {total}/{len(loss)}  log loss {np.mean(loss):.3f}  {each}")


def main(arguments: Sequence[str]) -> None:
    """Print the table of rules."""
    series: dict[tuple[str, str], Floats] = {}
    for labels, out in zip(map(Path, arguments[::2]), map(Path, arguments[1::2]), strict=True):
        scanned = (out / "slices.csv").exists()
        series |= (series_of_scan if scanned else series_of_images)(labels, out)
    report("run (version 0.1)", {key: mean(run_of(rows)) for key, rows in series.items()})
    for threshold in (0.5, 0.643, 0.8):
        for name, rule in RULES.items():
            shares = {}
            for key, rows in series.items():
                suspicious = rows[1 - rows[:, NO_TUMOR] >= threshold]
                shares[key] = rule(suspicious if len(suspicious) else run_of(rows))
            report(f"{name}, slices from {threshold:g}", shares)


if __name__ == "__main__":
    main(sys.argv[1:])
