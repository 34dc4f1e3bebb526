"""The heads of a table's train split, by plane, and which of them look like a given one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from batchmri.synthetic.head import Area, Head, grown, read_head, resized
from batchmri.synthetic.pairing import Gallery, tell_planes
from batchmri.training.table import Plane, Row

_PLANE_OF_SOURCE: dict[str, Plane] = {"lgg": "axial"}  # pictures, all in one plane
_EVERY = 3  # of the heads of known plane suffice to tell the others'
_LIKENESS: dict[Plane, float] = {"axial": 0.8, "coronal": 0.7, "sagittal": 0.7}
_APART = 10  # pixels between an area and the tumour of a head that is to fill it
_Shelf = tuple[list[Head], Gallery]


@dataclass(frozen=True, slots=True)
class Library:
    """Heads on shelves, one for each plane."""

    shelves: dict[Plane, _Shelf]

    @classmethod
    def of(cls, heads: Sequence[Head]) -> "Library":
        """Put heads on their shelves."""
        shelves: dict[Plane, list[Head]] = {}
        for head in heads:
            if head.plane is not None:
                shelves.setdefault(head.plane, []).append(head)
        return cls({plane: (kept, Gallery.of(kept)) for plane, kept in shelves.items()})

    def like(self, head: Head, beside: Area, most: int) -> list[Head]:
        """Up to `most` heads of other patients, the likest outside the area first.

        Only of the same plane, like enough to show the same part of the head, and without tumour
        in the area.
        """
        if head.plane is None or head.plane not in self.shelves:
            return []
        kept, gallery = self.shelves[head.plane]
        found = gallery.likeness(head, beside)
        partners: list[Head] = []
        for index in np.argsort(-found, kind="stable"):
            if found[index] < _LIKENESS[head.plane] or len(partners) == most:
                break
            if _other_patient(head.row, kept[index].row) and _is_free(kept[index], head, beside):
                partners.append(kept[index])
        return partners


def read_heads(rows: Sequence[Row]) -> list[Head]:
    """The heads of these rows, each with its plane, told where the table does not say.

    Raises UsageError, as read_picture does.
    """
    heads = [head for row in rows if (head := read_head(row))]
    heads = [
        replace(head, plane=head.plane or _PLANE_OF_SOURCE.get(head.row.source)) for head in heads
    ]
    known = [head for head in heads if head.plane is not None]
    unknown = [head for head in heads if head.plane is None]
    volumes = [head for head in known if head.row.slice is not None][::_EVERY]
    if not volumes:
        return known
    # A second time, with the help of what was told the first time: pictures of the same source
    # resemble each other more than the volumes.
    told = tell_planes(unknown, volumes)
    return [*known, *tell_planes(told, [*volumes, *told])]


def _is_free(partner: Head, head: Head, area: Area) -> bool:
    return partner.mask is None or not (grown(resized(partner.mask, head), _APART) & area).any()


def _other_patient(row: Row, other: Row) -> bool:
    """Where no patient is named (some tumour-free pictures), another picture will do."""
    if row.source != other.source or not (row.patient and other.patient):
        return row.file != other.file
    return row.patient != other.patient
