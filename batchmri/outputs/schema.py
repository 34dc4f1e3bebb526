"""The schema of the tables: every column with its type, unit and description.

docs/columns.md is generated from it: `python -m batchmri.outputs.schema > docs/columns.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from batchmri.extensions import READERS
from batchmri.header import SHOWN, Stated
from batchmri.reasons import Reason, Status, VerdictReason
from batchmri.records import IDENTIFIERS, INDETERMINATE, TUMOR

Type = Literal["string", "integer", "number"]

TABLES = {
    "studies": "study",
    "series": "series found, classified or not",
    "slices": "classified slice",
    "files": "file without a usable slice that no series row accounts for",
    "changes": "study that is new, changed, gone or has another verdict, as found by the last run "
    "that found any such study",
}
"""The tables, and what one row of each describes."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; `unit` is empty if there is none.

    `allowed` lists the allowed values, in addition to an empty cell; if empty, any value is
    allowed. Floats are rounded to `decimals`; None leaves them unchanged. CSV omits their trailing
    zeros with `trim`. A cell of a column with `multiple` contains any number of values, joined by
    `;` in CSV.
    """

    name: str
    description: str
    type: Type = "string"
    unit: str = ""
    allowed: tuple[str, ...] = ()
    decimals: int | None = None
    trim: bool = False
    multiple: bool = False


def probability(name: str, description: str) -> Column:
    """A column of probabilities, with four decimals."""
    return Column(name, description, "number", decimals=4)


def millimeters(name: str, description: str) -> Column:
    """A column of lengths in mm, with three decimals at most."""
    return Column(name, description, "number", "mm", decimals=3, trim=True)


def _stated_column(name: str, one: Stated) -> Column:
    """The column of a number that is read as the header states it."""
    if one.whole:
        return Column(one.column(name), one.description, "integer", one.unit)
    return Column(one.column(name), one.description, "number", one.unit, decimals=3, trim=True)


_EACH_CLASS = probability("p_<class>", "Calibrated probability of each class.")
_STUDY_UID = Column("study_uid", "StudyInstanceUID, or its replacement UID.")
_SERIES_KEY = (
    _STUDY_UID,
    Column("series_uid", "SeriesInstanceUID, or its replacement UID."),
    Column(
        "series_part",
        "Part of a series with several stacks: `p` and eight hexadecimal digits; empty if whole.",
    ),
)
_SOURCE = Column("source", "Root label and path below it, special characters escaped.")
_STATUS = Column("status", "classified, skipped or failed.", allowed=tuple(Status))
_REASON = Column("reason", "Why not classified: a code of docs/reasons.md.", allowed=tuple(Reason))
_DETAIL = Column("detail", "Details of the reason.")
_VERDICT = Column("verdict", "A class; tumor if its kind is open; or indeterminate.")
_VERDICT_REASON = Column(
    "verdict_reason",
    "Reason for the verdict: a code of docs/reasons.md.",
    allowed=tuple(VerdictReason),
)
_CONFIDENCE = probability(
    "confidence",
    "Calibrated probability of the verdict (p_tumor if it is tumor); of the leading class if it is "
    "indeterminate.",
)
_P_TUMOR = probability(
    "p_tumor", "Calibrated probability of any tumor: the sum of the tumor classes."
)
_PREDICTED = Column("predicted", "The leading class.")
_OOD_SCORE = Column(
    "ood_score",
    "Distance from the training images; above 1 out of distribution.",
    "number",
    decimals=3,
)
_DECIDING_SLICE = Column(
    "deciding_slice",
    "The deciding slice with the highest probability of the verdict's class (slice_index).",
    "integer",
)
_FLAGS = Column(
    "flags", "Codes of docs/verdict.md for special properties, joined by ';'.", multiple=True
)
_DIGEST = Column("model_digest", "sha256 of the weights.")

_COLUMNS: dict[str, tuple[Column, ...]] = {
    "studies": (
        _STUDY_UID,
        _SOURCE,
        _STATUS,
        _VERDICT,
        _VERDICT_REASON,
        _CONFIDENCE,
        _P_TUMOR,
        _EACH_CLASS,
        Column("n_series", "Number of series found.", "integer"),
        Column("n_classified", "Number of classified series.", "integer"),
        Column("n_skipped", "Number of skipped series.", "integer"),
        Column("n_failed", "Number of failed series.", "integer"),
        Column("n_slices", "Number of classified slices.", "integer"),
        Column("deciding_series_uid", "The series that decided the verdict of the study."),
        Column("deciding_series_part", "Part of that series."),
        _DECIDING_SLICE,
        Column(
            "montage_png", "Path of the montage of its pictures, relative to the output folder."
        ),
        _FLAGS,
        _DIGEST,
    ),
    "series": (
        *_SERIES_KEY,
        Column("format", "dicom or nifti.", allowed=READERS.names()),
        _SOURCE,
        Column("n_files", "Number of files of the series, including excluded ones.", "integer"),
        Column("modality", "Modality in the header."),
        Column("sequence", "Sequence as estimated from the header."),
        Column("series_description", "SeriesDescription in the header, or the BIDS entities."),
        # Numbers of the header; batchmri/header.py declares them.
        *(_stated_column(name, one) for name, one in SHOWN.items()),
        Column("manufacturer", "Manufacturer in the header."),
        Column("transfer_syntax", "Transfer syntax by its keyword; empty for NIfTI."),
        Column("rows", "Stored rows of a slice.", "integer"),
        Column("columns", "Stored columns of a slice.", "integer"),
        Column("n_slices", "Number of slices of the assembled series.", "integer"),
        Column("plane", "axial, coronal, sagittal or oblique; empty if unknown."),
        Column("pixel_spacing_mm", "Distance between rows\\between columns.", unit="mm"),
        millimeters("slice_spacing_mm", "Distance between adjacent slices."),
        _STATUS,
        _REASON,
        _DETAIL,
        _VERDICT,
        _VERDICT_REASON,
        _CONFIDENCE,
        _P_TUMOR,
        _EACH_CLASS,
        Column("n_tumor_slices", "Number of slices whose leading class is a tumor.", "integer"),
        _OOD_SCORE,
        _DECIDING_SLICE,
        _FLAGS,
        _DIGEST,
    ),
    "slices": (
        *_SERIES_KEY,
        Column("instance_uid", "SOPInstanceUID, or its replacement UID."),
        _SOURCE,
        Column("frame", "Frame number in the file, from 1.", "integer"),
        Column(
            "slice_index", "Index of the slice along the normal of the series, from 0.", "integer"
        ),
        millimeters("position_mm", "Position along the slice normal."),
        _PREDICTED,
        probability("confidence", "Calibrated probability of the leading class."),
        _P_TUMOR,
        _EACH_CLASS,
        _OOD_SCORE,
        Column("crop_x", "Brain box in the slice as displayed: left.", "integer", "pixel"),
        Column("crop_y", "Brain box: top.", "integer", "pixel"),
        Column("crop_width", "Brain box: width.", "integer", "pixel"),
        Column("crop_height", "Brain box: height.", "integer", "pixel"),
        _FLAGS,
        Column("gradcam_png", "Path of its picture, relative to the output folder."),
    ),
    "files": (_SOURCE, _STATUS, _REASON, _DETAIL, *_SERIES_KEY),
    "changes": (
        _STUDY_UID,
        _SOURCE,
        Column(
            "change",
            "new, changed, gone or verdict.",
            allowed=("new", "changed", "gone", "verdict"),
        ),
        Column("verdict_before", "Verdict before that run."),
        Column("verdict", "Verdict now."),
    ),
}


_INTRODUCTION = """# Columns

Generated by `python -m batchmri.outputs.schema > docs/columns.md`. Version 2 of the contract
(`contract_version` in datapackage.json and run.json). datapackage.json in every output contains the
same columns, with one `p_` column per class of the model, and the allowed values of each column.

The files are CSV as in RFC 4180: UTF-8, comma, CRLF, `.` as decimal point, rows in the order of
study, series, part and slice. An empty cell is a missing value. Probabilities have four decimals.
Text that would begin with `=`, `+`, `-` or `@` gets a leading `'`, and control characters become
spaces. `slice_index` counts from 0; captions and file names of pictures count slices from 1.
"""


def columns(table: str, classes: Sequence[str], *, identifiers: bool = False) -> tuple[Column, ...]:
    """The columns of a table in order, with one `p_` column per class.

    With `identifiers`, the identifiers of the patient are the last columns of studies.csv.
    """
    verdicts = tuple(dict.fromkeys((*classes, TUMOR, INDETERMINATE)))
    allowed = {_VERDICT: verdicts, _PREDICTED: tuple(classes)}
    expanded: list[Column] = []
    for column in _COLUMNS[table]:
        if column in allowed:
            expanded.append(replace(column, allowed=allowed[column]))
        elif column is _EACH_CLASS:
            # A class named "tumor" has no column, because p_tumor is the sum of the tumor classes.
            expanded += [
                probability(f"p_{name}", f"Calibrated probability of {name}.")
                for name in classes
                if f"p_{name}" != _P_TUMOR.name
            ]
        else:
            expanded.append(column)
    if identifiers and table == "studies":
        expanded += [Column(name, "From the header, with `--identifiers`.") for name in IDENTIFIERS]
    return tuple(expanded)


def column_named(table: str, name: str) -> Column:
    """A column that does not depend on the classes."""
    return next(column for column in _COLUMNS[table] if column.name == name)


def markdown() -> str:
    """The content of docs/columns.md."""
    lines = [_INTRODUCTION]
    for table, described in _COLUMNS.items():
        lines += [f"## {table}.csv", "", f"One row per {TABLES[table]}.", ""]
        lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
        lines += [f"| `{c.name}` | {c.type} | {c.unit} | {c.description} |" for c in described]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(), end="")
