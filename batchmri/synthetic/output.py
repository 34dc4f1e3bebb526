"""Files of synthetic images: images, masks, contact sheets and the table that lists them."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from batchmri.synthetic.head import Area, Gray, Head
from batchmri.synthetic.sheet import sheet
from batchmri.training.table import OPTIONAL, REQUIRED, Row

_SHOWN = ("brain-tumor-mri", "lgg")  # sources whose licenses permit publication in documents
_ON_A_SHEET = 24


@dataclass(frozen=True, slots=True)
class Made:
    """A synthetic image, made from `head` and `donor`."""

    source: str
    label: str
    image: Gray
    mask: Area | None
    head: Head
    donor: Head


def write(rows: Sequence[Row], made: Sequence[Made], out: Path) -> None:
    """Write the synthetic images to `out`, and a table of the given rows followed by them."""
    out.mkdir(parents=True, exist_ok=True)
    records = [_record_of(row, out) for row in rows]
    records += [_write_made(number, one, out) for number, one in enumerate(made)]
    with (out / "table.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, REQUIRED + OPTIONAL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    for source in sorted({one.source for one in made}):
        _write_sheet([one for one in made if one.source == source], out / f"sheet-{source}.png")


def _record_of(row: Row, out: Path) -> dict[str, object]:
    record: dict[str, object] = {
        column: getattr(row, column) for column in REQUIRED + OPTIONAL if column != "weight"
    }
    record["weight"] = f"{row.weight:g}"
    record["file"] = os.path.relpath(row.file, out)
    record["mask"] = os.path.relpath(row.mask, out) if row.mask else ""
    record["made_of"] = ";".join(row.made_of)
    return record


def _write_made(number: int, one: Made, out: Path) -> dict[str, object]:
    name = f"{one.source}-{number:05d}.png"
    record: dict[str, object] = {
        "file": _write_image(Path("pictures") / name, one.image, out),
        "label": one.label,
        "split": "train",
        "source": one.source,
        "patient": one.head.row.person,
        "made_of": ";".join(dict.fromkeys([one.head.row.person, one.donor.row.person])),
    }
    if one.mask is not None:
        record["mask"] = _write_image(Path("masks") / name, one.mask.astype(np.uint8) * 255, out)
    return record


def _write_image(name: Path, image: Gray, out: Path) -> Path:
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return name


def _write_sheet(made: Sequence[Made], path: Path) -> None:
    shown = [
        [one.donor.image, one.head.image, one.image]
        for one in made
        if one.head.row.source in _SHOWN and one.donor.row.source in _SHOWN
    ]
    if shown:
        step = max(1, len(shown) // _ON_A_SHEET)
        cv2.imwrite(str(path), sheet(shown[::step][:_ON_A_SHEET], across=4))
