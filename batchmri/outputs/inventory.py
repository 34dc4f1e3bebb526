"""What an archive holds, counted series by series, for `scan --dry-run`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

from batchmri.outputs import formatting as cells
from batchmri.outputs.schema import Column
from batchmri.records import Decision, FileNote, Series

SURVEY_COLUMNS = (
    Column("section", "What is counted: decision, modality, sequence, …"),
    Column("value", "Its value."),
    Column("series", "Series with it.", "integer"),
    Column("slices", "Their slices.", "integer"),
)
SECTIONS = ("decision", "modality", "sequence", "plane", "manufacturer", "transfer_syntax")
# Rough figures of one core and of the pictures of a tumour series; benchmarks/ measures them.
_SLICES_PER_SECOND = 40
_BYTES_PER_SLICE_ROW = 400
_PICTURES_PER_SERIES = 3  # by default, or its deciding slices, a share of all, if these are more
_DECIDING_SHARE = 0.05
_INODES_PER_STUDY = 2  # its folder and its montage
_INODES_PER_OUTPUT = 300  # tables, state, and the folders between
_BYTES_PER_PICTURE = 350_000
_MOST_VALUES = 2000


@dataclass(slots=True)
class Survey:
    """Counts of series and of slices by section and value."""

    studies: int = 0
    files: int = 0
    pictures: int = 0
    series: Counter[tuple[str, str]] = field(default_factory=Counter)
    slices: Counter[tuple[str, str]] = field(default_factory=Counter)
    file_reasons: Counter[str] = field(default_factory=Counter)

    def add(self, series: Series, decision: Decision) -> None:
        """Count a series."""
        header, n_slices = series.header, len(series.slices)
        if decision.wanted:
            self.pictures += max(_PICTURES_PER_SERIES, ceil(_DECIDING_SHARE * n_slices))
        facts = (
            "classify" if decision.wanted else str(decision.reason),
            header.modality or ("(nifti)" if series.format == "nifti" else ""),
            series.sequence,
            series.plane,
            header.manufacturer,
            cells.transfer_syntax(header.transfer_syntax),
        )
        for section, value in zip(SECTIONS, facts, strict=True):
            key = section, value or "(none)"
            # Bounded memory, however many makers the headers of an archive invent.
            if key not in self.series and len(self.series) >= _MOST_VALUES:
                key = section, "(other)"
            self.series[key] += 1
            self.slices[key] += n_slices

    def add_note(self, note: FileNote) -> None:
        """Count a file that is in no series."""
        self.file_reasons[note.reason] += 1

    @property
    def wanted_series(self) -> int:
        """Series that would be classified."""
        return self.series["decision", "classify"]

    @property
    def wanted_slices(self) -> int:
        """Their slices."""
        return self.slices["decision", "classify"]

    def seconds(self, cores: int) -> float:
        """Rough time of a scan on so many cores, without a GPU."""
        return self.wanted_slices / (_SLICES_PER_SECOND * max(1, cores))

    @property
    def disk_bytes(self) -> int:
        """Rough disk that a scan takes at most."""
        return self.wanted_slices * _BYTES_PER_SLICE_ROW + self.pictures * _BYTES_PER_PICTURE

    @property
    def inodes(self) -> int:
        """Rough number of files and folders that a scan leaves at most."""
        return _INODES_PER_OUTPUT + _INODES_PER_STUDY * self.studies + self.pictures

    def rows(self) -> Iterator[dict[str, object]]:
        """The rows of dry-run.csv, in a stable order."""
        for section, value in sorted(self.series):
            counts = {"series": self.series[section, value], "slices": self.slices[section, value]}
            yield {"section": section, "value": value, **counts}
