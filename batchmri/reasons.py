"""Stable codes for the reasons why something was not classified, and for the reasons of verdicts.

docs/reasons.md is generated from these tables (`python -m batchmri.reasons`). Other programs match
on the codes, so a code is never renamed.
"""

from dataclasses import dataclass
from enum import StrEnum

MAX_FAILED_RUNS = 3
"""After this number of runs, a file or series that fails for a temporary reason is given up."""
GIVEN_UP = f"failed in {MAX_FAILED_RUNS} runs, not tried again without --retry-failed"
"""The warning about a file or series that is given up."""


class Status(StrEnum):
    """Outcome for a file, series or study."""

    CLASSIFIED = "classified"
    SKIPPED = "skipped"
    FAILED = "failed"


class Reason(StrEnum):
    """Codes for the reasons why something was not classified."""

    NOT_AN_IMAGE = "not_an_image"
    EMPTY_FILE = "empty_file"
    IO_ERROR = "io_error"
    TRUNCATED = "truncated"
    BAD_HEADER = "bad_header"
    BAD_PIXELS = "bad_pixels"
    NO_PIXEL_DATA = "no_pixel_data"
    UNSUPPORTED_TRANSFER_SYNTAX = "unsupported_transfer_syntax"
    UNSUPPORTED_OBJECT = "unsupported_object"
    UNSUPPORTED_FORMAT = "unsupported_format"
    DICOMDIR = "dicomdir"
    SIDECAR = "sidecar"
    COLOR = "colour"  # the code of version 0.1; codes are never renamed
    BURNED_IN_ANNOTATION = "burned_in_annotation"
    SECONDARY_CAPTURE = "secondary_capture"
    LOCALIZER = "localizer"
    DERIVED = "derived"
    NOT_MR = "not_mr"
    NOT_BRAIN = "not_brain"
    OTHER_SEQUENCE = "other_sequence"
    TOO_FEW_SLICES = "too_few_slices"
    MIXED_GEOMETRY = "mixed_geometry"
    DUPLICATE_INSTANCE = "duplicate_instance"
    BLANK_SLICE = "blank_slice"
    FURTHER_VOLUME = "further_volume"
    LABEL_MAP = "label_map"
    OWN_RESULT = "own_result"
    STILL_ARRIVING = "still_arriving"
    TOO_LARGE = "too_large"
    OUT_OF_MEMORY = "out_of_memory"
    DECODER_TIMEOUT = "decoder_timeout"
    DECODER_CRASHED = "decoder_crashed"

    @property
    def about(self) -> "About":
        """Status, kind and description of this reason."""
        return _TABLE[self]

    @property
    def status(self) -> Status:
        """The status of a file or series with this reason: skipped or failed."""
        return self.about.status


@dataclass(frozen=True, slots=True)
class About:
    """Description of a reason; it is `temporary` if a later run may succeed."""

    status: Status
    temporary: bool
    sentence: str


def _skipped(sentence: str, *, temporary: bool = False) -> About:
    return About(Status.SKIPPED, temporary, sentence)


def _failed(sentence: str, *, temporary: bool = False) -> About:
    return About(Status.FAILED, temporary, sentence)


_TABLE: dict[Reason, About] = {
    Reason.NOT_AN_IMAGE: _skipped("The content is neither DICOM nor NIfTI."),
    Reason.EMPTY_FILE: _failed("The file is empty."),
    Reason.IO_ERROR: _failed("The file or folder could not be read.", temporary=True),
    Reason.TRUNCATED: _failed("The file ends before its header or its pixels do."),
    Reason.BAD_HEADER: _failed("The file is DICOM or NIfTI, but its header cannot be parsed."),
    Reason.BAD_PIXELS: _failed("The pixels could not be decoded, or do not fit the header."),
    Reason.NO_PIXEL_DATA: _skipped("A DICOM object without pixel data, such as a report."),
    Reason.UNSUPPORTED_TRANSFER_SYNTAX: _failed("The transfer syntax is not supported."),
    Reason.UNSUPPORTED_OBJECT: _skipped("A kind of image object that is not classified."),
    Reason.UNSUPPORTED_FORMAT: _skipped("An image container other than DICOM and NIfTI."),
    Reason.DICOMDIR: _skipped("The index of a DICOM medium: its files are read directly."),
    Reason.SIDECAR: _skipped("A text or table that describes images in the same folder."),
    Reason.COLOR: _skipped("A color or palette image."),
    Reason.BURNED_IN_ANNOTATION: _skipped("The header says that text is burned into the pixels."),
    Reason.SECONDARY_CAPTURE: _skipped("A screen capture or scanned image, not an acquisition."),
    Reason.LOCALIZER: _skipped("A localizer (scout)."),
    Reason.DERIVED: _skipped("A map, subtraction or projection, not an acquisition."),
    Reason.NOT_MR: _skipped("The modality is not MR."),
    Reason.NOT_BRAIN: _skipped("The header names another body part, or another species."),
    Reason.OTHER_SEQUENCE: _skipped("The sequence is not T1 (`--all-sequences` includes it)."),
    Reason.TOO_FEW_SLICES: _skipped("Fewer slices than the settings require."),
    Reason.MIXED_GEOMETRY: _skipped("Its images cannot be ordered into one stack."),
    Reason.DUPLICATE_INSTANCE: _skipped("The same SOP instance was already seen in this series."),
    Reason.BLANK_SLICE: _skipped("The slice contains a single gray level, or almost nothing."),
    Reason.FURTHER_VOLUME: _skipped(
        "A later volume of a series; only the first one is classified."
    ),
    Reason.LABEL_MAP: _skipped("A segmentation: a few distinct whole numbers."),
    Reason.OWN_RESULT: _skipped("An object that batchmri made itself."),
    Reason.STILL_ARRIVING: _skipped(
        "The study changed recently and waits for a later run.", temporary=True
    ),
    Reason.TOO_LARGE: _failed("The decoded file would exceed the memory limit for one file."),
    Reason.OUT_OF_MEMORY: _failed("Memory ran out while it was read.", temporary=True),
    Reason.DECODER_TIMEOUT: _failed("Reading it took longer than the limit.", temporary=True),
    Reason.DECODER_CRASHED: _failed("The decoder crashed on the file.", temporary=True),
}


class VerdictReason(StrEnum):
    """Codes for the reasons of verdicts of series and studies."""

    TUMOR = "tumor"
    NO_TUMOR = "no_tumor"
    KIND_OPEN = "kind_open"
    BETWEEN_THRESHOLDS = "between_thresholds"
    CLASS_UNSURE = "class_unsure"
    WITHOUT_CONTRAST = "without_contrast"
    OTHER_SEQUENCE = "other_sequence"
    OUT_OF_DISTRIBUTION = "out_of_distribution"

    @property
    def words(self) -> str:
        """A short description for captions."""
        return _VERDICTS[self][0]

    @property
    def sentence(self) -> str:
        """The description for documentation."""
        return _VERDICTS[self][1]

    @property
    def is_outside(self) -> bool:
        """Whether the model cannot evaluate the series, whatever its probabilities are."""
        return self in (VerdictReason.OTHER_SEQUENCE, VerdictReason.OUT_OF_DISTRIBUTION)


_VERDICTS = {
    VerdictReason.TUMOR: (
        "tumor",
        "`p_tumor` reaches `verdict.tumor_above`: the verdict is the likeliest tumor class.",
    ),
    VerdictReason.NO_TUMOR: (
        "no tumor",
        "`p_tumor` is at most `verdict.notumor_below`: the verdict is the tumor-free class.",
    ),
    VerdictReason.KIND_OPEN: (
        "kind open",
        "`p_tumor` reaches `verdict.tumor_above`, but no class stands out "
        "(`verdict.min_class_share`): the verdict is `tumor`.",
    ),
    VerdictReason.BETWEEN_THRESHOLDS: (
        "between the thresholds",
        "`p_tumor` is between `verdict.notumor_below` and `verdict.tumor_above`.",
    ),
    VerdictReason.CLASS_UNSURE: (
        "the class is uncertain",
        "The probability of the class is below `verdict.min_confidence`.",
    ),
    VerdictReason.WITHOUT_CONTRAST: (
        "no tumor seen, but contrast is not stated",
        "`p_tumor` is too high for `notumor` without stated contrast "
        "(`verdict.notumor_below_without_contrast`).",
    ),
    VerdictReason.OTHER_SEQUENCE: (
        "not a T1-weighted sequence",
        "The series is not T1-weighted, according to its header or its images: no verdict.",
    ),
    VerdictReason.OUT_OF_DISTRIBUTION: (
        "looks unlike the training images",
        "The slices differ too much from the training images (`ood_score`): no verdict.",
    ),
}


def markdown() -> str:
    """The content of docs/reasons.md."""
    kinds = {True: "temporary", False: "permanent"}
    rows = [
        f"| `{reason}` | {reason.status} | {kinds[reason.about.temporary]} "
        f"| {reason.about.sentence} |"
        for reason in Reason
    ]
    head = ["# Reasons", "", "Generated by `python -m batchmri.reasons > docs/reasons.md`.", ""]
    verdicts = [f"| `{reason}` | {reason.sentence} |" for reason in VerdictReason]
    return "\n".join(
        [
            *head,
            "| code | status | kind | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
            "## Reasons of verdicts",
            "",
            "The column `verdict_reason` of studies.csv and series.csv.",
            "",
            "| code | meaning |",
            "|---|---|",
            *verdicts,
            "",
        ]
    )


if __name__ == "__main__":
    print(markdown(), end="")
