"""Tables of an audit, and audit.json."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from batchmri.audit.duplicates import CORRELATION, HASH_DISTANCE, ORIENTATIONS, Link, inverse
from batchmri.audit.findings import Findings
from batchmri.audit.persons import ALIKE
from batchmri.outputs.atomic_write import write_json
from batchmri.outputs.schema import Column
from batchmri.outputs.tables.csv import write_table

Record = dict[str, Any]
_FILE = Column("file", "Path relative to the parent of DIR.")
_SPLIT = Column("split", "Name of the folder that contains the class folder.")
_LABEL = Column("label", "Class: the name of the folder of the file.")
_DUPLICATES = (
    Column("group", "Files with the same number show the same image.", "integer"),
    _FILE,
    _SPLIT,
    _LABEL,
    Column(
        "match",
        "What it has in common with `like`: bytes, pixels, or near for nearly equal pixels.",
    ),
    Column("like", "The most similar file."),
    Column("orientation", "Rotation or reflection that maps `like` to it."),
    Column("correlation", "Correlation of the two reduced images.", "number"),
    Column("crosses_splits", "1 if the group is in several splits.", "integer"),
    Column("conflict", "1 if the group is in several classes.", "integer"),
)
_ODD = (
    _FILE,
    Column("code", "What is unusual."),
    Column("detail", "A description of what was found."),
    Column("used", "1 if it is audited nevertheless, 0 if it is excluded.", "integer"),
)
_PERSONS = (
    Column("patient", "One patient."),
    Column("other_patient", "Another patient, who may be the same person."),
    Column("likeness", "Mean correlation of their most similar images.", "number"),
    Column("file", "The most similar file of the first patient."),
    Column("other_file", "The most similar file of the other patient."),
)
# Only columns that `batchmri train` accepts.
_TRAIN = (
    Column("file", "Path relative to this table."),
    _LABEL,
    Column("split", "train, val or test: no image, patient or person is in two of them."),
    Column("source", "As in the groups table."),
    Column("patient", "As in the groups table."),
    Column("weight", "1 / files of this split and class that show the same image.", "number"),
)


def write_tables(findings: Findings, out: Path) -> None:
    """Write duplicates.csv, odd_files.csv, persons.csv, split.csv and audit.json to `out`.

    Raises OutputError if a file cannot be written.
    """
    write_table(out / "duplicates.csv", _DUPLICATES, _duplicate_rows(findings))
    write_table(
        out / "odd_files.csv",
        _ODD,
        (
            {"file": odd.name, "code": odd.code, "detail": odd.detail, "used": int(odd.used)}
            for odd in findings.odd
        ),
    )
    write_table(out / "persons.csv", _PERSONS, _person_rows(findings))
    write_table(out / "split.csv", _TRAIN, _split_rows(findings, out.resolve()))
    write_json(out / "audit.json", _document(findings))


def _duplicate_rows(findings: Findings) -> Iterator[Record]:
    best_links = _best_links(findings)
    for number, group in enumerate(findings.duplicates, start=1):
        crosses, conflict = findings.crosses(group), findings.conflicts(group)
        for index in group:
            image, link = findings.images[index], best_links[index]
            other = findings.images[link.second]
            yield {
                "group": number,
                "file": image.found.name,
                "split": image.found.split,
                "label": image.found.label,
                "match": "bytes"
                if image.file_digest == other.file_digest
                else "pixels"
                if image.pixel_digest == other.pixel_digest
                else "near",
                "like": other.found.name,
                "orientation": ORIENTATIONS[link.orientation],
                "correlation": f"{link.correlation:.4f}",
                "crosses_splits": int(crosses),
                "conflict": int(conflict),
            }


def _best_links(findings: Findings) -> dict[int, Link]:
    """Return the best link of each linked file, starting at that file.

    Links between files with equal bytes take precedence, followed by the highest correlation.
    """
    best: dict[int, tuple[tuple[bool, float], Link]] = {}
    digests = [image.file_digest for image in findings.images]
    for link in findings.links:
        rank = (digests[link.first] == digests[link.second], link.correlation)
        back = Link(link.second, link.first, inverse(link.orientation), link.correlation)
        for seen in (link, back):
            if seen.first not in best or best[seen.first][0] < rank:
                best[seen.first] = rank, seen
    return {index: link for index, (_, link) in best.items()}


def _person_rows(findings: Findings) -> Iterator[Record]:
    for proposal in findings.persons:
        one, other = (findings.images[index].found.name for index in proposal.images)
        yield {
            "patient": proposal.patients[0],
            "other_patient": proposal.patients[1],
            "likeness": f"{proposal.likeness:.3f}",
            "file": one,
            "other_file": other,
        }


def _split_rows(findings: Findings, out: Path) -> Iterator[Record]:
    keys = list(
        zip(findings.splits, findings.labels, findings.duplicate_groups.tolist(), strict=True)
    )
    copies = Counter(keys)
    for index, image in enumerate(findings.images):
        yield {
            "file": os.path.relpath(image.found.path, out),
            "label": image.found.label,
            "split": findings.splits[index],
            "source": findings.groups.source[index],
            "patient": findings.groups.person[index] or findings.groups.patient[index],
            "weight": f"{1 / copies[keys[index]]:.6g}",
        }


def _document(findings: Findings) -> Record:
    bytes_repeated, pixels_repeated = findings.exact
    groups = findings.duplicates
    names = [image.found.name for image in findings.images]
    return {
        "pictures": len(names),
        "distinct_images": int(findings.duplicate_groups.max()) + 1,
        "classes": [
            {"split": folder, "label": label, "pictures": n, "distinct_images": distinct}
            for (folder, label), (n, distinct) in findings.class_counts.items()
        ],
        "odd_files": dict(sorted(Counter(odd.code for odd in findings.odd).items())),
        "duplicates": {
            "hash_distance": HASH_DISTANCE,
            "correlation": CORRELATION,
            "repeat_bytes": bytes_repeated,
            "repeat_pixels": pixels_repeated,
            "groups": len(groups),
            "groups_across_splits": sum(map(findings.crosses, groups)),
        },
        "label_conflicts": [
            [{"file": names[index], "label": findings.labels[index]} for index in group]
            for group in groups
            if findings.conflicts(group)
        ],
        "shortcuts": [asdict(shortcut) for shortcut in findings.shortcuts],
        "persons": {"likeness": ALIKE, "proposed": len(findings.persons)},
        "split": [
            {"split": name, "label": label, "pictures": n}
            for (name, label), n in sorted(
                Counter(zip(findings.splits, findings.labels, strict=True)).items()
            )
        ],
    }
