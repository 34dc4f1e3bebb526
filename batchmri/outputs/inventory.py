"""Counts of the series in an archive, for `scan --dry-run`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

from batchmri.outputs.rows import Row, transfer_syntax
from batchmri.outputs.schema import Column
from batchmri.records import Decision, FileNote, Series

INVENTORY_COLUMNS = (
    Column("section", "What is counted: decision, modality, sequence, …"),
    Column("value", "A value that occurs in this section."),
    Column("series", "Number of series with this value.", "integer"),
    Column("slices", "Number of slices in these series.", "integer"),
)
SECTIONS = ("decision", "modality", "sequence", "plane", "manufacturer", "transfer_syntax")
# Rough estimates for one core, and for the pictures of a tumor series.
_SLICES_PER_SECOND = 40
_BYTES_PER_SLICE_ROW = 400
_PICTURES_PER_SERIES = 3  # default of report.gradcam; more if there are more deciding slices
_DECIDING_SHARE = 0.05
_INODES_PER_STUDY = 2  # folder and montage
_INODES_PER_OUTPUT = 300  # tables, state, and the 256 folders of studies
_BYTES_PER_PICTURE = 350_000
_MAX_VALUES = 2000


@dataclass(slots=True)
class Inventory:
    """Counts of series and slices by section and value."""

    studies: int = 0
    files: int = 0
    pictures: int = 0
    series: Counter[tuple[str, str]] = field(default_factory=Counter)
    slices: Counter[tuple[str, str]] = field(default_factory=Counter)
    file_reasons: Counter[str] = field(default_factory=Counter)

    def add(self, series: Series, decision: Decision, *, is_done: bool = False) -> None:
        """Count a series; with `is_done`, as one that needs no further work."""
        header, n_slices = series.header, len(series.slices)
        if decision.wanted and not is_done:
            self.pictures += max(_PICTURES_PER_SERIES, ceil(_DECIDING_SHARE * n_slices))
        facts = (
            ("done" if is_done else "classify") if decision.wanted else str(decision.reason),
            header.modality or ("" if series.format == "dicom" else f"({series.format})"),
            series.sequence,
            series.plane,
            header.manufacturer,
            transfer_syntax(header.transfer_syntax),
        )
        for section, value in zip(SECTIONS, facts, strict=True):
            key = section, value or "(none)"
            # Headers may contain very many different values.
            if key not in self.series and len(self.series) >= _MAX_VALUES:
                key = section, "(other)"
            self.series[key] += 1
            self.slices[key] += n_slices

    def add_note(self, note: FileNote) -> None:
        """Count a file that is in no series."""
        self.file_reasons[note.reason] += 1

    @property
    def wanted_series(self) -> int:
        """Number of series that would be classified."""
        return self.series["decision", "classify"]

    @property
    def wanted_slices(self) -> int:
        """Number of slices in these series."""
        return self.slices["decision", "classify"]

    def seconds(self, cores: int, slices_per_second: float | None = None) -> float:
        """Estimated time of a scan in seconds: at a measured rate, or on `cores` cores."""
        return self.wanted_slices / (slices_per_second or _SLICES_PER_SECOND * max(1, cores))

    @property
    def disk_bytes(self) -> int:
        """Estimated maximum disk space of the output in bytes."""
        return self.wanted_slices * _BYTES_PER_SLICE_ROW + self.pictures * _BYTES_PER_PICTURE

    @property
    def inodes(self) -> int:
        """Estimated maximum number of files and folders in the output."""
        return _INODES_PER_OUTPUT + _INODES_PER_STUDY * self.studies + self.pictures

    def rows(self) -> Iterator[Row]:
        """The rows of dry-run.csv, in a stable order."""
        for section, value in sorted(self.series):
            counts = {"series": self.series[section, value], "slices": self.slices[section, value]}
            yield {"section": section, "value": value, **counts}
