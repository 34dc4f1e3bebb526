"""Frozen records that the stages of a scan pass to each other.

    walk → FileEntry → header → Instance (or FileNote) → assemble → Series → decode → Slice
         → prepare, classify → Scores → verdict → Verdict → report

Lengths are in millimeters, positions in the patient's LPS coordinates (DICOM PS3.3 C.7.6.2.1.1).
Pixels are (row, column). `index` counts from 0, DICOM frame numbers count from 1.
"""

from dataclasses import dataclass, field
from os import stat_result
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, AliasChoices, Field, PlainSerializer, ValidationInfo

from batchmri.header import Header
from batchmri.reasons import Reason, Status, VerdictReason

Vector = tuple[float, float, float]
IDENTIFIERS = ("patient_id", "patient_name", "birth_date", "accession_number", "study_date")
Format = str
"""The name of the reader of a file: dicom, nifti, or one that another package registered."""
Tile = tuple[int, int, int, int]
Plane = Literal["axial", "coronal", "sagittal", "oblique", ""]
FloatArray = npt.NDArray[np.float32]


_MAX_TIME_NS = 2**63 - 1  # in the year 2262: SQLite stores signed integers of 64 bits


class FileEntry(NamedTuple):
    """A file found by the walk: `source` is its name in tables, `path` its path on disk."""

    source: str
    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, source: str, path: str, status: stat_result) -> Self:
        """Return the entry of a file; a modification time before 1678 or after 2262 is clamped."""
        mtime_ns = status.st_mtime_ns
        if not -_MAX_TIME_NS <= mtime_ns <= _MAX_TIME_NS:
            mtime_ns = max(-_MAX_TIME_NS - 1, min(mtime_ns, _MAX_TIME_NS))
        return cls(source, path, status.st_size, mtime_ns)


StoredSeparately = Annotated[str, PlainSerializer(lambda _: "", str, when_used="json")]
"""A path, which JSON documents omit: JSON cannot encode names that are not UTF-8."""


def _path_in_context(stored: str, info: ValidationInfo) -> str:
    """The path of a header, which is the context when its document is read."""
    return info.context or stored


class SeriesKey(NamedTuple):
    """Key of a series or of one part of it; `part` is empty if the series is not split."""

    study_uid: str
    series_uid: str
    part: str = ""


NO_SERIES = SeriesKey("", "", "")
COMPANION = "companion"
"""Flag of an .img file that forms one image together with the .hdr file of the same name."""
Place = tuple[SeriesKey, int]
"""A series and the index of a slice in it."""
Shown = tuple[FloatArray, tuple[float, float]]
"""A slice (rows, columns) as displayed, and its spacing in mm (between rows, between columns)."""


@dataclass(frozen=True, slots=True)
class FileNote:
    """A file without a usable slice, and the reason."""

    source: str
    reason: Reason
    detail: str = ""
    key: SeriesKey = NO_SERIES


@dataclass(frozen=True, slots=True)
class Unreachable(FileNote):
    """A file or folder that the walk could not reach, so that earlier results below it are kept."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Geometry of one 2-D image in an Instance.

    `number` is the DICOM frame number (from 1), or 1 + the index along the slice axis of a NIfTI
    file. `position` is the center of the first stored pixel. `orientation` contains the directions
    in which the column index and the row index increase (ImageOrientationPatient). `component`
    names the image component if it is not the magnitude (phase, water, map …). `tile` is the
    region (first row, first column, rows, columns) of the stored frame that contains this image,
    if several images share the frame. `slice_location` is Slice Location, or In-Stack Position
    Number in an enhanced object. It orders slices whose positions are missing or identical.
    """

    number: int = 1
    position: Vector | None = None
    orientation: tuple[Vector, Vector] | None = None
    pixel_spacing: tuple[float, float] | None = None
    echo: str = ""
    time_point: str = ""
    component: str = ""
    tile: Tile | None = None
    slice_location: float | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """Header of one DICOM object or one NIfTI file.

    `patient` is a keyed digest of the normalized patient ID, empty if there is none. `acquisition`
    combines Acquisition Number and Trigger Time, which differ between repeated images at one
    position. `refusal` is set if this kind of object is never classified. A NIfTI file has one
    Frame per slice along `slice_axis`, an axis of the stored array. `identifiers` are in the order
    of IDENTIFIERS, and empty unless they were requested.
    """

    source: str
    path: Annotated[StoredSeparately, AfterValidator(_path_in_context)]
    format: Format
    study_uid: str
    series_uid: str
    instance_uid: str
    header: Header
    rows: int = 0
    columns: int = 0
    frames: tuple[Frame, ...] = ()
    slice_axis: int = 2
    instance_number: int | None = None
    patient: str = ""
    acquisition: str = ""
    refusal: Reason | None = None
    detail: str = ""
    flags: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Display:
    """Transformation from the stored image to the displayed one: transpose first, then flip."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False


@dataclass(frozen=True, slots=True)
class SliceRef:
    """Location of one slice of a series: file, frame, tile, and position along the normal."""

    source: str
    path: StoredSeparately
    instance_uid: str
    frame: int
    index: int
    position_mm: float | None
    tile: Tile | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """An assembled series, with its slices ordered along the normal.

    `rows`, `columns` and `pixel_spacing` (row, column) describe the stored image. `fingerprint`
    changes if any file of the series changes, or if the header fields that are read change.
    A series loaded from the state has `n_slices`, but no `slices`. `refusal` is set if the series
    can never be classified.
    """

    key: SeriesKey
    source: str
    format: Format
    n_files: int
    header: Header
    sequence: str
    rows: int
    columns: int
    plane: Plane
    pixel_spacing: tuple[float, float] | None
    slice_spacing: float | None
    slices: tuple[SliceRef, ...]
    n_slices: int = 0
    slice_axis: int = 2
    display: Display = Display()
    refusal: Reason | None = None
    detail: str = ""
    flags: tuple[str, ...] = ()
    fingerprint: str = ""
    identifiers: tuple[str, ...] = ()

    @property
    def shown_spacing(self) -> tuple[float, float]:
        """Spacing of the displayed slice in mm (between rows, between columns); 1, 1 if unknown."""
        row, column = self.pixel_spacing or (1.0, 1.0)
        return (column, row) if self.display.transpose else (row, column)


@dataclass(frozen=True, slots=True)
class Study:
    """The series of one study, and the files that were left out of them."""

    uid: str
    series: tuple[Series, ...]
    left_out: tuple[FileNote, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a series is to be classified, and if not, why."""

    wanted: bool
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CropBox:
    """Brain box in the displayed slice, in pixels; the whole slice if none was found (`failed`)."""

    x: int
    y: int
    width: int
    height: int
    failed: bool = False

    @property
    def area(self) -> int:
        """Area in pixels."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Slice:
    """One decoded slice as displayed: float32 (rows, columns), rescaled."""

    ref: SliceRef
    pixels: FloatArray


@dataclass(frozen=True, slots=True)
class DomainScores:
    """Out-of-distribution score and sequence probabilities of a slice.

    `ood_score` is the distance from the training images, scaled so that 5% of the validation images
    exceed 1. `t1` and `contrast` are the probabilities that the slice is T1-weighted and that it
    was acquired after contrast.
    """

    ood_score: Annotated[float, Field(validation_alias=AliasChoices("ood_score", "distance"))]
    t1: float
    contrast: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Classifier output for one slice: calibrated probabilities in the order of the model card.

    `domain` is None if the model has no out-of-distribution detector.
    """

    ref: SliceRef
    probabilities: tuple[float, ...]
    box: CropBox
    flags: tuple[str, ...] = ()
    domain: Annotated[
        DomainScores | None, Field(validation_alias=AliasChoices("domain", "look"))
    ] = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of a series or study: a class, `tumor` or `indeterminate`, and the reason.

    `probabilities` are those of the series, in the order of the model card. `confidence` is the
    probability of the verdict, or of the leading class if the verdict is indeterminate. `deciding`
    lists the indices of the deciding slices; `deciding_slice` is the one with the highest
    probability of `shown_class`, the class (or `tumor`) whose heat map is drawn. `shown` lists all
    eligible slices in the order in which they are drawn, deciding slices first. `ood_score` is None
    for models without an out-of-distribution detector.
    """

    name: str
    confidence: float
    probabilities: tuple[float, ...]
    deciding_slice: int | None
    reason: VerdictReason
    deciding: tuple[int, ...] = ()
    n_tumor_slices: int = 0
    ood_score: float | None = None
    shown_class: str = ""
    shown: tuple[int, ...] = ()
    flags: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """The result of one series as stored in state.db, without the `slices` of the series.

    `pictures` contains pairs of slice index and PNG path relative to the output folder;
    `picture_class` is a digest of what the pictures show (`pipeline.draw.drawn_as`), and whether
    there is a heat map volume.
    """

    series: Series
    status: Status
    reason: Reason | None = None
    detail: str = ""
    scores: tuple[Scores, ...] = ()
    pictures: tuple[tuple[int, str], ...] = ()
    picture_class: str = ""
    model_digest: str = ""


@dataclass(frozen=True, slots=True)
class Classes:
    """Class names in the order of the model card, and the one that means "no tumor".

    `temperature` is the one with which stored probabilities were calibrated.
    """

    names: tuple[str, ...]
    no_tumor: str
    temperature: float = 1.0

    def tumor_probability(self, probabilities: tuple[float, ...]) -> float:
        """The probability of any tumor: the sum over the tumor classes."""
        return 1.0 - probabilities[self.names.index(self.no_tumor)]

    def leading(self, probabilities: tuple[float, ...], *, tumor_only: bool = False) -> str:
        """The most probable class, or the most probable tumor class; the first one of a tie."""
        candidates = [n for n in self.names if not (tumor_only and n == self.no_tumor)]
        return max(candidates, key=lambda name: probabilities[self.names.index(name)])

    def probability(self, name: str, probabilities: tuple[float, ...]) -> float:
        """The probability of a class, or of any tumor if `name` is `tumor`."""
        if name == TUMOR:
            return self.tumor_probability(probabilities)
        return probabilities[self.names.index(name)]


INDETERMINATE = "indeterminate"
TUMOR = "tumor"
"""The verdict for a tumor whose kind is open. A class of this name means the same."""
