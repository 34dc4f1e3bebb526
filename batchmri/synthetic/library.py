"""Heads of a table's train split, grouped by plane, and the search for similar ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from batchmri.synthetic.head import Area, Head, grown, read_head, resized
from batchmri.synthetic.pairing import Gallery, estimate_planes
from batchmri.training.table import Plane, Row

_PLANE_OF_SOURCE: dict[str, Plane] = {"lgg": "axial"}  # images, all in one plane
_EVERY = 3  # every third head of known plane is enough to infer the other planes
_LIKENESS: dict[Plane, float] = {"axial": 0.8, "coronal": 0.7, "sagittal": 0.7}
_APART = 10  # minimum distance between an area and the tumor of a head that fills it, in pixels
_Shelf = tuple[list[Head], Gallery]


@dataclass(frozen=True, slots=True)
class Library:
    """Searchable heads: a list of heads and their gallery for each plane."""

    shelves: dict[Plane, _Shelf]

    @classmethod
    def of(cls, heads: Sequence[Head]) -> "Library":
        """Group the heads by plane; heads of unknown plane are ignored."""
        shelves: dict[Plane, list[Head]] = {}
        for head in heads:
            if head.plane is not None:
                shelves.setdefault(head.plane, []).append(head)
        return cls({plane: (kept, Gallery.of(kept)) for plane, kept in shelves.items()})

    def like(self, head: Head, excluded: Area, most: int) -> list[Head]:
        """Find up to `most` heads of other patients, the most similar outside `excluded` first.

        They have the same plane, are similar enough to show the same part of the head, and have no
        tumor in the area.
        """
        if head.plane is None or head.plane not in self.shelves:
            return []
        kept, gallery = self.shelves[head.plane]
        similarity = gallery.likeness(head, excluded)
        partners: list[Head] = []
        for index in np.argsort(-similarity, kind="stable"):
            if similarity[index] < _LIKENESS[head.plane] or len(partners) == most:
                break
            if _other_patient(head.row, kept[index].row) and _has_no_tumor_in(
                kept[index], head, excluded
            ):
                partners.append(kept[index])
        return partners


def read_heads(rows: Sequence[Row]) -> list[Head]:
    """Read the heads of rows and infer each plane that the table does not contain.

    Rows without a brain box are omitted. If no row is a slice of a volume, heads of unknown plane
    are omitted as well. Raises UsageError if an image cannot be read.
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
    # The second pass also compares with the results of the first, because images of one source
    # resemble each other more than they resemble the volumes.
    inferred = estimate_planes(unknown, volumes)
    return [*known, *estimate_planes(inferred, [*volumes, *inferred])]


def _has_no_tumor_in(partner: Head, head: Head, area: Area) -> bool:
    return partner.mask is None or not (grown(resized(partner.mask, head), _APART) & area).any()


def _other_patient(row: Row, other: Row) -> bool:
    """Whether two rows show different patients, or different images if a patient is not named."""
    if row.source != other.source or not (row.patient and other.patient):
        return row.file != other.file
    return row.patient != other.patient
