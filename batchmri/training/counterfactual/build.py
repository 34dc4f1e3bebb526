"""The table of counterfactual pictures beside the pictures they were made from."""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np

from batchmri.training.counterfactual.head import Area, Grey, Head, grown, head_area
from batchmri.training.counterfactual.library import Library, read_heads
from batchmri.training.counterfactual.removal import filled
from batchmri.training.counterfactual.sheet import sheet
from batchmri.training.counterfactual.transplant import resized, transplanted
from batchmri.training.table import OPTIONAL, REQUIRED, Row, read_table

WANTED = {"removed": 900, "control": 900, "transplanted": 1200}
NO_TUMOR = "notumor"
_REMOVABLE = ("meningioma", "pituitary")  # gliomas leave oedema and mass effect behind
_SHOWN = ("brain-tumor-mri", "lgg")  # whose licences let them stand in documents
_ON_A_SHEET = 48
_PARTNERS = 4  # tried for each edit
_CHOICE = 16  # the likest, of which the partners of a transplant are drawn
_ROUNDS = 2  # through the tumours to remove, with other donors
_TRIES = 6  # for each control and transplant that is wanted, at most
_APART = 20  # pixels between a control's edit and the tumour


@dataclass(frozen=True, slots=True)
class Made:
    """A picture made of `head` with the help of `donor`."""

    source: str
    label: str
    picture: Grey
    mask: Area | None
    head: Head
    donor: Head


def build_counterfactuals(
    table: Path, out: Path, wanted: Mapping[str, int] = WANTED, seed: int = 0
) -> Counter[tuple[str, str]]:
    """Write pictures, masks, sheets and `table.csv` into `out`: counts by source and label.

    Only rows of split train are read. The new table holds the rows of the given one, too. Fewer
    than `wanted` are made where too few look right. Raises UsageError where the table or a
    picture cannot be read.
    """
    rows = read_table(table)
    heads = read_heads([row for row in rows if row.split == "train"])
    random = np.random.default_rng(seed)
    made = [
        *_first(removals(heads, random), wanted["removed"]),
        *_first(controls(heads, wanted["control"], random), wanted["control"]),
        *_first(transplants(heads, wanted["transplanted"], random), wanted["transplanted"]),
    ]
    records = [_record_of(row, out) for row in rows] + [
        _written(number, one, out) for number, one in enumerate(made)
    ]
    with (out / "table.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, REQUIRED + OPTIONAL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    for source in wanted:
        _write_sheet([one for one in made if one.source == source], out / f"sheet-{source}.png")
    return Counter((one.source, one.label) for one in made)


def removals(heads: Sequence[Head], random: np.random.Generator) -> Iterator[Made]:
    """Heads whose tumour was taken out."""
    library = Library.of(_donors(heads))
    candidates = [head for head in heads if head.row.label in _REMOVABLE and _outlined(head)]
    for turn in range(_ROUNDS):
        for index in random.permutation(len(candidates)):
            head = candidates[index]
            assert head.mask is not None
            donors = library.like(head, head.mask, _PARTNERS * _ROUNDS)[turn::_ROUNDS]
            if fill := filled(head, head.mask, donors):
                yield Made("removed", NO_TUMOR, fill.picture, None, head, fill.donor)


def controls(heads: Sequence[Head], wanted: int, random: np.random.Generator) -> Iterator[Made]:
    """Heads edited where another patient's tumour would be, away from their own; label kept.

    One in three has no tumour, so that an edited head of whatever source may be either.
    """
    library = Library.of(_donors(heads))
    tumors = [head for head in heads if _outlined(head)]
    tumor_free = [head for head in heads if head.row.label == NO_TUMOR]
    for number in range(_TRIES * wanted):
        among = tumor_free if number % 3 == 0 and tumor_free else tumors
        head = among[random.integers(len(among))]
        shape = tumors[random.integers(len(tumors))]
        area = _elsewhere(head, shape)
        if area is None:
            continue
        donors = library.like(head, area, _PARTNERS)
        if fill := filled(head, area, donors):
            yield Made("control", head.row.label, fill.picture, head.mask, head, fill.donor)


def transplants(heads: Sequence[Head], wanted: int, random: np.random.Generator) -> Iterator[Made]:
    """Heads without tumour that got one; classes and sources in turn."""
    tumor_free = [head for head in heads if head.row.label == NO_TUMOR]
    sources = sorted({head.row.source for head in tumor_free})
    libraries = [
        Library.of([head for head in tumor_free if head.row.source == source]) for source in sources
    ]
    tumors: dict[str, list[Head]] = {}
    for head in heads:
        if _outlined(head):
            tumors.setdefault(head.row.label, []).append(head)
    turns = cycle([(library, label) for library in libraries for label in sorted(tumors)])
    for (library, label), _ in zip(turns, range(_TRIES * wanted), strict=False):
        donor = tumors[label][random.integers(len(tumors[label]))]
        assert donor.mask is not None
        partners = library.like(donor, donor.mask, _CHOICE)
        for index in random.permutation(len(partners))[:_PARTNERS]:
            if result := transplanted(donor, partners[index]):
                yield Made(
                    "transplanted", label, result.picture, result.mask, partners[index], donor
                )
                break


def _donors(heads: Sequence[Head]) -> list[Head]:
    usable = (NO_TUMOR, *_REMOVABLE)
    return [
        head
        for head in heads
        if head.row.label in usable and (head.row.label == NO_TUMOR or _outlined(head))
    ]


def _outlined(head: Head) -> bool:
    return head.mask is not None and head.row.mask_use == "full" and bool(head.mask.any())


def _elsewhere(head: Head, shape: Head) -> Area | None:
    if shape.mask is None or shape.plane != head.plane or shape.row.file == head.row.file:
        return None
    area = resized(shape.mask, head)
    if head.mask is not None and (area & grown(head.mask, _APART)).any():
        return None
    return area if area.any() and head_area(head.picture)[area].all() else None


def _first(made: Iterator[Made], wanted: int) -> list[Made]:
    return [one for _, one in zip(range(wanted), made, strict=False)]


def _record_of(row: Row, out: Path) -> dict[str, object]:
    record: dict[str, object] = {
        column: getattr(row, column) for column in REQUIRED + OPTIONAL if column != "weight"
    }
    record["weight"] = f"{row.weight:g}"
    record["file"] = os.path.relpath(row.file, out)
    record["mask"] = os.path.relpath(row.mask, out) if row.mask else ""
    return record


def _written(number: int, one: Made, out: Path) -> dict[str, object]:
    name = f"{one.source}-{number:05d}.png"
    record: dict[str, object] = {
        "file": _write(Path("pictures") / name, one.picture, out),
        "label": one.label,
        "split": "train",
        "source": one.source,
        "patient": f"{one.head.row.source} {one.head.row.patient}",
    }
    if one.mask is not None:
        record["mask"] = _write(Path("masks") / name, one.mask.astype(np.uint8) * 255, out)
    return record


def _write(name: Path, picture: Grey, out: Path) -> Path:
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)
    return name


def _write_sheet(made: Sequence[Made], path: Path) -> None:
    shown = [
        [one.donor.picture, one.head.picture, one.picture]
        for one in made
        if one.head.row.source in _SHOWN and one.donor.row.source in _SHOWN
    ]
    if shown:
        every = max(1, len(shown) // _ON_A_SHEET)
        cv2.imwrite(str(path), sheet(shown[::every][:_ON_A_SHEET], across=4))
