"""The table of counterfactual pictures beside the pictures they were made from."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np

from batchmri.errors import UsageError
from batchmri.synthetic.head import Area, Head, grown, head_area, resized
from batchmri.synthetic.library import Library, read_heads
from batchmri.synthetic.output import Made, write
from batchmri.synthetic.removal import filled
from batchmri.synthetic.transplant import transplanted
from batchmri.training.table import Plane, Row, read_table

WANTED = {"removed": 900, "control": 900, "transplanted": 1200}
NO_TUMOR = "notumor"
_LEFT_OUT = {"gbm"}  # so that a patient left out of a training stands in no made picture
_REMOVABLE = ("meningioma", "pituitary")  # gliomas leave oedema and mass effect behind
_PARTNERS = 4  # tried for each edit
_CHOICE = 16  # the likest, of which the partners of a transplant are drawn
_ROUNDS = 2  # through the tumours to remove, with other donors
_TRIES = 6  # for each control and transplant that is wanted, at most
_USES = 4  # of one head for transplants, at most
_APART = 20  # pixels between a control's edit and the tumour


def build_counterfactuals(
    table: Path, out: Path, wanted: Mapping[str, int] = WANTED, seed: int = 0
) -> Counter[tuple[str, str]]:
    """Write pictures, masks, sheets and `table.csv` into `out`: counts by source and label.

    Only rows of split train are read. The new table holds the rows of the given one, too. Fewer
    than `wanted` are made where too few look right. Raises UsageError where the table or a
    picture cannot be read, and where nothing can be made for want of outlines or planes.
    """
    rows = read_table(table)
    used = [row for row in rows if row.split == "train" and row.source not in _LEFT_OUT]
    if not any(row.mask and row.mask_use == "full" for row in used):
        raise UsageError(
            f"table {table}: no picture of split train has the outline of a tumor, so none can be "
            "removed or transplanted; add the columns mask and mask_use (full)"
        )
    heads = read_heads(used)
    if not any(map(_outlined, heads)):
        raise UsageError(
            f"table {table}: no outlined tumor is in a head of known plane; add "
            "slices of NIfTI volumes (columns slice and plane) to compare the pictures to"
        )
    random = np.random.default_rng(seed)
    made = [
        *_first(removals(heads, random), wanted["removed"]),
        *_first(controls(heads, wanted["control"], random), wanted["control"]),
        *_first(transplants(heads, wanted["transplanted"], random), wanted["transplanted"]),
    ]
    write(rows, made, out)
    return Counter((one.source, one.label) for one in made)


def removals(heads: Sequence[Head], random: np.random.Generator) -> Iterator[Made]:
    """Heads whose tumour was taken out, no two with the same fill."""
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
                yield Made("removed", NO_TUMOR, fill.picture, None, head, fill.donor)


def controls(heads: Sequence[Head], wanted: int, random: np.random.Generator) -> Iterator[Made]:
    """Heads edited where another patient's tumour would be, away from their own; label kept.

    One in three has no tumour, so that an edited head of whatever source may be either.
    """
    library = Library.of(_donors(heads))
    tumors = [head for head in heads if _outlined(head)]
    shapes: dict[Plane | None, list[Head]] = {}
    for head in tumors:
        shapes.setdefault(head.plane, []).append(head)
    tumor_free = [head for head in heads if head.row.label == NO_TUMOR and head.plane in shapes]
    turn = 0
    for _ in range(_TRIES * wanted):
        among = tumor_free if turn % 3 == 0 and tumor_free else tumors
        head = among[random.integers(len(among))]
        shape = shapes[head.plane][random.integers(len(shapes[head.plane]))]
        area = _elsewhere(head, shape)
        if area is None:
            continue
        if fill := filled(head, area, library.like(head, area, _PARTNERS)):
            turn += 1
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
                yield Made("transplanted", label, result.picture, result.mask, head, donor)
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
    if shape.mask is None or shape.row.file == head.row.file:
        return None
    area = resized(shape.mask, head)
    if head.mask is not None and (area & grown(head.mask, _APART)).any():
        return None
    return area if area.any() and head_area(head.picture)[area].all() else None


def _first(made: Iterator[Made], wanted: int) -> list[Made]:
    return [one for _, one in zip(range(wanted), made, strict=False)]
