"""What travels through the pipe: small frozen records, the one vocabulary that stages share.

    walk → FileEntry → header → Instance (or FileNote) → assemble → Series → decode → Slice
         → prepare, classify → Scores → verdict → Verdict → report

Lengths are millimetres in the patient's LPS coordinates (DICOM PS3.3 C.7.6.2.1.1), pixels are
(row, column), `index` counts from 0, DICOM frame numbers from 1.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from batchmri.reasons import Reason, Status, VerdictReason

Vector = tuple[float, float, float]
IDENTIFIERS = ("patient_id", "patient_name", "birth_date", "accession_number", "study_date")
Format = Literal["dicom", "nifti"]
Tile = tuple[int, int, int, int]
Plane = Literal["axial", "coronal", "sagittal", "oblique", ""]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file that the walk met: `source` names it in tables, `path` opens it."""

    source: str
    path: str
    size: int
    mtime_ns: int


class SeriesKey(NamedTuple):
    """What names a series; `part` is empty for a whole one."""

    study_uid: str
    series_uid: str
    part: str = ""


NO_SERIES = SeriesKey("", "", "")
COMPANION = "companion"
"""Flag of an .img file, which is one image with the .hdr file of the same name."""
Place = tuple[SeriesKey, int]
"""A series and the index of a slice in it."""
Shown = tuple[FloatArray, tuple[float, float]]
"""A slice (rows, columns) as displayed, and its spacing: mm between rows, between columns."""


@dataclass(frozen=True, slots=True)
class FileNote:
    """A file that gave no slice, and why."""

    source: str
    reason: Reason
    detail: str = ""
    key: SeriesKey = NO_SERIES


@dataclass(frozen=True, slots=True)
class Frame:
    """Geometry of one 2-D image in an Instance.

    `number` is the DICOM frame number (from 1), or 1 + the index along the slice axis of a NIfTI
    file. `position` is the centre of the first stored pixel, `orientation` the directions in which
    the column index and then the row index grow (ImageOrientationPatient). `component` says what
    is shown where it is not the magnitude (phase, water, map …). `tile` is the part of the stored
    frame that holds this image, (first row, first column, rows, columns), where several share it.
    `slice_location` is Slice Location, or the In-Stack Position Number of an enhanced object: it
    orders slices whose positions are missing or all the same.
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
class Header:
    """Series-level facts as the header states them; empty or None where it says nothing.

    Only `series_description` and `manufacturer` are text as it stands there. All else is a number,
    a UID or a known code, so that nobody's name travels in a field where it does not belong:
    `body_part` and `named_sequence` are what all texts of the header together name.
    """

    modality: str = ""
    manufacturer: str = ""
    series_description: str = ""
    series_number: int | None = None
    transfer_syntax: str = ""
    sop_class: str = ""
    image_type: tuple[str, ...] = ()
    body_part: str = ""
    named_sequence: str = ""
    scanning_sequence: str = ""
    echo_time: float | None = None
    repetition_time: float | None = None
    inversion_time: float | None = None
    flip_angle: float | None = None
    b_value: float | None = None
    contrast_agent: bool | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One DICOM object, or one NIfTI file, as its header describes it.

    `patient` is a keyed digest of the normalized patient id, empty if there is none. `acquisition`
    is Acquisition Number and Trigger Time: they differ between repeated images of one place.
    `refusal` says why
    this kind of object is never classified. A NIfTI file has one Frame per slice along
    `slice_axis`, which indexes the stored array. `identifiers` are in the order of IDENTIFIERS,
    empty unless they were asked for.
    """

    source: str
    path: str
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
    """How a stored image becomes the one that a viewer shows: transpose first, then flips."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False


@dataclass(frozen=True, slots=True)
class SliceRef:
    """Where one slice of a series lies: file, frame (and tile of it), place along the normal."""

    source: str
    path: str
    instance_uid: str
    frame: int
    index: int
    position_mm: float | None
    tile: Tile | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """An assembled series: its slices in order along the normal, and what is known of it.

    `rows`, `columns` and `pixel_spacing` (row, column) are as stored; `fingerprint` changes when
    any of its files does, or what is read of them; `slices` is empty in one that comes back from
    the state, `n_slices` is not. `refusal` is set where it can never be classified.
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
        """Millimetres between rows and between columns of the slice as displayed; 1, 1 unknown."""
        row, column = self.pixel_spacing or (1.0, 1.0)
        return (column, row) if self.display.transpose else (row, column)


@dataclass(frozen=True, slots=True)
class Study:
    """The series of one study, and its files that are left out of them."""

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
    """The brain box in the slice as displayed, in pixels; the whole picture where it failed."""

    x: int
    y: int
    width: int
    height: int
    failed: bool = False

    @property
    def area(self) -> int:
        """Pixels inside."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Slice:
    """One decoded slice as displayed: float32 (rows, columns), rescaled."""

    ref: SliceRef
    pixels: FloatArray


@dataclass(frozen=True, slots=True)
class DomainScores:
    """What a slice looks like to the classifier beside its class.

    `distance` is that from the training pictures, 1 where 5% of the validation pictures lie
    beyond; `t1` and `contrast` the probabilities of a T1-weighted slice, and of one after contrast.
    """

    distance: float
    t1: float
    contrast: float


@dataclass(frozen=True, slots=True)
class Scores:
    """What the classifier says of one slice: calibrated probabilities, in the card's order.

    `look` is None with a model that does not know its field.
    """

    ref: SliceRef
    probabilities: tuple[float, ...]
    box: CropBox
    flags: tuple[str, ...] = ()
    look: DomainScores | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of a series or study: a class, or `indeterminate`, and why.

    `probabilities` are those of the series, in the card's order; `confidence` is that of the
    verdict, of the leading class where it is indeterminate. `deciding` are the indices of the
    deciding slices, `deciding_slice` the one of them that shows `shown_class` best. `shown` are
    the slices in the order in which they are worth drawing, the deciding ones first, and
    `shown_class` is the class whose heat map is drawn. `ood_score` is None for models without it.
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
    """What state.db holds of one series: the series (its `slices` not kept), and what became of it.

    `pictures` maps a slice index to its PNG below the output folder; `picture_class` says what they
    show (`pipeline.pictures.drawn_as`).
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
    """Class names in the card's order, and which of them means "no tumor"."""

    names: tuple[str, ...]
    no_tumor: str

    def tumor_probability(self, probabilities: tuple[float, ...]) -> float:
        """The probability of any tumor: the sum of the tumor classes."""
        return 1.0 - probabilities[self.names.index(self.no_tumor)]

    def leading(self, probabilities: tuple[float, ...], *, tumor_only: bool = False) -> str:
        """The likeliest class, or the likeliest tumor class; the first one where they tie."""
        taken = [n for n in self.names if not (tumor_only and n == self.no_tumor)]
        return max(taken, key=lambda name: probabilities[self.names.index(name)])


INDETERMINATE = "indeterminate"
