"""Console summary of an audit."""

from collections import Counter

from batchmri.audit.findings import Findings
from batchmri.audit.splitting import SHARES
from batchmri.outputs.console import Console


def print_summary(findings: Findings, console: Console) -> None:
    """Print counts to stdout, and warnings about findings to be resolved manually to stderr."""
    console.table(
        "files",
        ("split", "class", "files", "distinct images"),
        ((*key, *counts) for key, counts in findings.class_counts.items()),
    )
    console.counts("odd files", Counter(odd.code for odd in findings.odd), "what", "files")
    groups = findings.duplicates
    crossing = [group for group in groups if findings.crosses(group)]
    conflicts = [group for group in groups if findings.conflicts(group)]
    repeat_bytes, repeat_pixels = findings.exact
    console.table(
        "duplicates",
        ("what", "count"),
        (
            ("files with the same bytes as another", repeat_bytes),
            ("files with the same pixels as another", repeat_pixels),
            ("groups of files that show one image", len(groups)),
            ("of these across splits", len(crossing)),
            ("of these under several classes", len(conflicts)),
        ),
    )
    for folder, (inside, total) in _shared_with_others(findings).items():
        console.say(f"{folder}: {inside} of {total} files show an image of another split")
    if findings.shortcuts:
        console.table(
            "shortcuts: predictions without anatomy (cross-validated, one file per image)",
            ("predicted", "from", "balanced accuracy", "chance", "accuracy", "largest class"),
            (
                (
                    s.target,
                    s.features,
                    *map(_rate, (s.balanced_accuracy, s.chance, s.accuracy, s.majority)),
                )
                for s in findings.shortcuts
            ),
        )
    counts = Counter(zip(findings.splits, findings.labels, strict=True))
    classes = sorted(set(findings.labels))
    console.table(
        "files in split.csv",
        ("class", *SHARES),
        ((label, *(counts[name, label] for name in SHARES)) for label in classes),
    )
    for label in classes:
        for name in SHARES:
            if not counts[name, label]:
                console.warn("too few groups to split", label=label, missing_in=name)
    if conflicts:
        console.warn("images in several classes: correct their labels", groups=len(conflicts))
    if findings.persons:
        console.warn(
            "patients who may be one person: look at figures/persons.png, and if they are, give "
            "them the same name in the column person of the groups table",
            pairs=len(findings.persons),
        )


def _rate(value: float) -> str:
    return f"{value:.3f}"


def _shared_with_others(findings: Findings) -> dict[str, tuple[int, int]]:
    total = Counter(findings.folders)
    if len(total) < 2:
        return {}
    crossing = [index for g in findings.duplicates if findings.crosses(g) for index in g]
    inside = Counter(findings.folders[index] for index in crossing)
    return {folder: (inside[folder], n) for folder, n in sorted(total.items())}
