"""Creation of synthetic images from the images of a training table."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np

from batchmri.errors import UsageError
from batchmri.synthetic import infratentorial
from batchmri.synthetic.head import Area, Head, grown, head_area, resized
from batchmri.synthetic.library import Library, read_heads
from batchmri.synthetic.output import Made, write
from batchmri.synthetic.removal import filled
from batchmri.synthetic.transplant import transplanted
from batchmri.training.table import Plane, Row, read_table

WANTED = {"removed": 900, "control": 900, "transplanted": 1200}
INFRATENTORIAL_PAIRS = 500
NO_TUMOR = infratentorial.NO_TUMOR
_LEFT_OUT = {"gbm"}  # so that holding out a patient excludes all images of that patient
_REMOVABLE = ("meningioma", "pituitary")  # gliomas leave edema and mass effect behind
_PARTNERS = 4  # candidates tried for each edit
_CHOICE = 16  # most similar heads, from which the partners of a transplant are drawn
_ROUNDS = 2  # passes over the tumors to remove, each with different donors
_TRIES = 6  # maximum per requested control or transplant
_USES = 4  # maximum number of transplants into one head
_APART = 20  # minimum distance between a control's edit and the tumor, in pixels


def build_counterfactuals(
    table: Path, out: Path, wanted: Mapping[str, int] = WANTED, seed: int = 0
) -> Counter[tuple[str, str]]:
    """Write synthetic images, masks, contact sheets and `table.csv` to the folder `out`.

    Only rows of split train are read. The new table also contains all rows of the given one. Fewer
    images than `wanted` are made if too few pass the plausibility limits. Returns the counts by
    source and label. Raises UsageError if the table or an image cannot be read, or if no image can
    be made because outlines or planes are missing.
    """
    rows = read_table(table)
    used = [row for row in rows if row.split == "train" and row.source not in _LEFT_OUT]
    if not any(row.mask and row.mask_use == "full" for row in used):
        raise UsageError(
            f"table {table}: no image of split train has a tumor mask, so no tumor can be "
            "removed or transplanted; add the columns mask and mask_use (full)"
        )
    heads = read_heads(used)
    if not any(map(_outlined, heads)):
        raise UsageError(
            f"table {table}: the plane of no image with a tumor mask is known; add "
            "slices of NIfTI volumes (columns slice and plane) to compare the images to"
        )
    random = np.random.default_rng(seed)
    made = [
        *_take(removals(heads, random), wanted["removed"]),
        *_take(controls(heads, wanted["control"], random), wanted["control"]),
        *_take(transplants(heads, wanted["transplanted"], random), wanted["transplanted"]),
    ]
    write(rows, made, out)
    return Counter((one.source, one.label) for one in made)


def build_infratentorial(
    table: Path, out: Path, wanted: int = INFRATENTORIAL_PAIRS, seed: int = 0
) -> Counter[tuple[str, str]]:
    """Write tumors transplanted below the tentorium and their controls, as `build_counterfactuals`.

    At most `wanted` pairs are made. Raises UsageError if the table or an image cannot be read, or
    if tumor masks or tumor-free volumes are missing.
    """
    rows = read_table(table)
    used = [row for row in rows if row.split == "train" and row.source not in _LEFT_OUT]
    tumors = [
        row
        for row in used
        if row.mask and row.mask_use == "full" and row.label != NO_TUMOR and not row.made_of
    ]
    with_tumor = {row.file for row in used if row.label != NO_TUMOR}
    hosts = [row for row in used if row.slice is not None and row.file not in with_tumor]
    for found, what, remedy in (
        (tumors, "image of split train has a tumor mask", "the columns mask and mask_use (full)"),
        (hosts, "slice of a tumor-free volume is in split train", "slices of NIfTI volumes"),
    ):
        if not found:
            raise UsageError(f"table {table}: no {what}; add {remedy}")
    made = list(infratentorial.pairs(tumors, hosts, wanted, np.random.default_rng(seed)))
    write(rows, made, out)
    return Counter((one.source, one.label) for one in made)


def removals(heads: Sequence[Head], random: np.random.Generator) -> Iterator[Made]:
    """Yield heads whose tumor was removed, each with a different fill."""
    done: set[tuple[Row, Row]] = set()
    library = Library.of(_donors(heads))
    candidates = [head for head in heads if head.row.label in _REMOVABLE and _outlined(head)]
    for turn in range(_ROUNDS):
        for index in random.permutation(len(candidates)):
            head = candidates[index]
            assert head.mask is not None
            donors = library.like(head, head.mask, _PARTNERS * _ROUNDS)[turn::_ROUNDS]
            fill = filled(head, head.mask, donors)
            if fill and (head.row, fill.donor.row) not in done:
                done.add((head.row, fill.donor.row))
                yield Made("removed", NO_TUMOR, fill.image, None, head, fill.donor)


def controls(heads: Sequence[Head], wanted: int, random: np.random.Generator) -> Iterator[Made]:
    """Yield heads edited at the position of another patient's tumor, with the label unchanged.

    The edit keeps away from the head's own tumor. One head in three is tumor-free, so that the
    presence of an edit does not reveal the label in any source.
    """
    library = Library.of(_donors(heads))
    tumors = [head for head in heads if _outlined(head)]
    shapes: dict[Plane | None, list[Head]] = {}
    for head in tumors:
        shapes.setdefault(head.plane, []).append(head)
    tumor_free = [head for head in heads if head.row.label == NO_TUMOR and head.plane in shapes]
    turn = 0
    for _ in range(_TRIES * wanted):
        candidates = tumor_free if turn % 3 == 0 and tumor_free else tumors
        head = candidates[random.integers(len(candidates))]
        shape = shapes[head.plane][random.integers(len(shapes[head.plane]))]
        area = _area_of_other_tumor(head, shape)
        if area is None:
            continue
        if fill := filled(head, area, library.like(head, area, _PARTNERS)):
            turn += 1
            yield Made("control", head.row.label, fill.image, head.mask, head, fill.donor)


def transplants(heads: Sequence[Head], wanted: int, random: np.random.Generator) -> Iterator[Made]:
    """Yield tumor-free heads with a transplanted tumor, alternating classes and sources."""
    tumor_free = [head for head in heads if head.row.label == NO_TUMOR]
    sources = sorted({head.row.source for head in tumor_free})
    libraries = [
        Library.of([head for head in tumor_free if head.row.source == source]) for source in sources
    ]
    tumors: dict[str, list[Head]] = {}
    for head in heads:
        if _outlined(head):
            tumors.setdefault(head.row.label, []).append(head)
    used: Counter[Row] = Counter()
    turns = cycle([(library, label) for library in libraries for label in sorted(tumors)])
    for (library, label), _ in zip(turns, range(_TRIES * wanted), strict=False):
        donor = tumors[label][random.integers(len(tumors[label]))]
        assert donor.mask is not None
        partners = library.like(donor, donor.mask, _CHOICE)
        for index in random.permutation(len(partners))[:_PARTNERS]:
            head = partners[index]
            if used[head.row] < _USES and (result := transplanted(donor, head)):
                used[head.row] += 1
                yield Made("transplanted", label, result.image, result.mask, head, donor)
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


def _area_of_other_tumor(head: Head, shape: Head) -> Area | None:
    if shape.mask is None or shape.row.file == head.row.file:
        return None
    area = resized(shape.mask, head)
    if head.mask is not None and (area & grown(head.mask, _APART)).any():
        return None
    return area if area.any() and head_area(head.image)[area].all() else None


def _take(made: Iterator[Made], wanted: int) -> list[Made]:
    return [one for _, one in zip(range(wanted), made, strict=False)]
