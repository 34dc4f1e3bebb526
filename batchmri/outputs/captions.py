"""Captions of the pictures of a series."""

from dataclasses import dataclass

from batchmri.records import Plane


@dataclass(frozen=True, slots=True)
class SeriesCaption:
    """The part of the captions that is the same for all slices of a series.

    `title` is the verdict with its reason. `description` is empty if the header has none or the
    settings exclude descriptions.
    """

    title: str
    source: str
    description: str
    flags: tuple[str, ...]
    model: str

    @property
    def where(self) -> str:
        """Source and description in one line."""
        return " · ".join(filter(None, (self.source, self.description)))

    @property
    def notes(self) -> str:
        """Model and flags in one line."""
        return "; ".join((f"model {self.model}", *self.flags))


@dataclass(frozen=True, slots=True)
class Caption:
    """Caption of the picture of one slice.

    `note` is a remark on the slice. `heat_of` is the class of the heat map, empty if there is none.
    `slice_number` counts from 1. `deciding` is set for deciding slices.
    """

    series: SeriesCaption
    note: str
    heat_of: str
    slice_number: int
    n_slices: int
    plane: Plane
    deciding: bool = False
