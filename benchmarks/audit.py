"""Accuracy of the audit on the Brain Tumor MRI Dataset: python benchmarks/audit.py DATA.

DATA contains Training, Testing, manifest.csv (file, dup_group, cheng_index, person) and
figshare.csv (cheng_index, patient). The audit receives patient numbers, but neither persons nor
duplicate groups.
"""

import argparse
import csv
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from math import comb
from pathlib import Path

from batchmri.audit.audit import audit_data
from batchmri.outputs.console import Console

Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def write_groups(path: Path, data: Path, manifest: Rows) -> dict[str, str]:
    """Write the groups table and return the patient of each file."""
    patients = {row["cheng_index"]: row["patient"] for row in read(data / "figshare.csv")}
    patient_of = {
        row["file"]: patients[str(int(float(row["cheng_index"])))] if row["cheng_index"] else ""
        for row in manifest
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("file", "patient", "source"))
        for row in manifest:
            file = row["file"]
            writer.writerow(((data / file).resolve(), patient_of[file], row["source"]))
    return patient_of


def pairs(groups: Iterable[object]) -> int:
    return sum(comb(n, 2) for n in Counter(groups).values())


def share(what: str, part: int, whole: int) -> None:
    print(f"{what:66} {part:6} of {whole:6}  {part / max(whole, 1):7.2%}")


def evaluate_duplicates(true: Sequence[str], found: Sequence[int], files: Sequence[str]) -> None:
    members = defaultdict(list)
    for index, group in enumerate(true):
        members[group].append(index)
    crossing = [m for m in members.values() if len({files[i].split("/")[0] for i in m}) == 2]
    whole = sum(len({found[i] for i in group}) == 1 for group in crossing)
    seen = 0
    for group in crossing:
        train = {found[i] for i in group if files[i].startswith("Training/")}
        seen += bool(train & {found[i] for i in group if files[i].startswith("Testing/")})
    right = pairs(zip(true, found, strict=True))
    share("groups across Training/Testing found completely", whole, len(crossing))
    share("groups across Training/Testing recognized as crossing", seen, len(crossing))
    share("true pairs found", right, pairs(true))
    share("false pairs among the pairs found", pairs(found) - right, pairs(found))


def evaluate_persons(proposed: Sequence[frozenset[str]], person_of: dict[str, str]) -> None:
    same = {
        frozenset(pair)
        for pair in combinations(person_of, 2)
        if person_of[pair[0]] == person_of[pair[1]]
    }
    right = len(same & set(proposed))
    share("proposed pairs of patients that are the same person", right, len(proposed))
    share("pairs of patients that are the same person, proposed", right, len(same))


def evaluate_split(true: Sequence[str], patients: Sequence[str], splits: Sequence[str]) -> None:
    for what, groups in (("duplicate groups", true), ("patients", patients)):
        sides = defaultdict(set)
        for group, side in zip(groups, splits, strict=True):
            if group:
                sides[group].add(side)
        crossing = sum(len(found) > 1 for found in sides.values())
        share(f"{what} of the manifest that cross split.csv", crossing, len(sides))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for the audit")
    options = parser.parse_args()
    manifest = {row["file"]: row for row in read(options.data / "manifest.csv")}
    patient_of = write_groups(options.out / "groups.csv", options.data, list(manifest.values()))
    start = time.perf_counter()
    findings = audit_data(
        [options.data / "Training", options.data / "Testing"],
        options.out,
        options.out / "groups.csv",
        Console("plain"),
    )
    print(f"{len(findings.images)} images in {time.perf_counter() - start:.0f} s")
    files = [image.found.name for image in findings.images]
    true = [manifest[file]["dup_group"] for file in files]
    evaluate_duplicates(true, findings.duplicate_groups.tolist(), files)
    proposed = [frozenset(proposal.patients) for proposal in findings.persons]
    person_of = {patient_of[f]: row["person"] for f, row in manifest.items() if patient_of[f]}
    evaluate_persons(proposed, person_of)
    evaluate_split(true, [patient_of[file] for file in files], findings.splits)


if __name__ == "__main__":
    main()
