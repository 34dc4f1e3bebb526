"""Table of labeled images, with one row per image file or slice of a volume."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

from batchmri.errors import UsageError, did_you_mean
from batchmri.training.csv_table import read_csv, require_columns
from batchmri.training.folders import VAL_STEP, find_images, images_in

Split = Literal["train", "val", "test", "dev"]
Plane = Literal["axial", "coronal", "sagittal"]
MaskUse = Literal["full", "outside"]
_Choice = TypeVar("_Choice")
REQUIRED = ("file", "label", "split")
OPTIONAL = (
    "source",
    "patient",
    "weight",
    "mask",
    "mask_use",
    "slice",
    "plane",
    "sequence",
    "made_of",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One labeled image.

    `split` is train; val, for early stopping and calibration; test, evaluated once at the end; or
    dev, images of other sources that are evaluated every epoch. `mask_use` is full if the mask is
    reliable everywhere, or outside if only the area outside the mask is certain to be tumor-free.
    With `slice` and `plane`, `file` is a NIfTI volume, and the image is the slice with that index
    along the axis of the plane, counted from left, posterior or inferior, in radiological
    orientation. `sequence` is t1, t1_contrast or another name of the weighting; empty if unknown.
    `made_of` lists the persons whose images a synthetic image was made from.
    """

    file: Path
    label: str
    split: Split
    source: str = ""
    patient: str = ""
    weight: float = 1.0
    mask: Path | None = None
    mask_use: MaskUse = "full"
    slice: int | None = None
    plane: Plane | None = None
    sequence: str = ""
    made_of: tuple[str, ...] = ()

    @property
    def person(self) -> str:
        """Patient identifier that is unique across sources: "source patient"."""
        return f"{self.source} {self.patient}".strip()


def read_data(path: Path, val_step: int = VAL_STEP) -> list[Row]:
    """Read the rows of a table or a folder of images (see folders.py) for training.

    A folder with only class folders has train and val rows but no test rows. Raises UsageError if
    the data cannot be used for training.
    """
    if not path.is_dir():
        return read_table(path)
    rows = [Row(file, label, split) for file, label, split in find_images(path, val_step)]
    _check_splits(f"folder {path}", rows)
    return rows


def read_rows(path: Path) -> list[Row]:
    """Read rows like `read_data`, but accept any splits, since evaluation needs no train rows."""
    if not path.is_dir():
        return _read(path)
    return [Row(file, label, split) for file, label, split in images_in(path)]


def read_table(path: Path) -> list[Row]:
    """Read and check a table (CSV, UTF-8), whose file paths are relative to it.

    Raises UsageError for an invalid line, missing columns or missing splits.
    """
    rows = _read(path)
    _check_splits(f"table {path}", rows)
    return rows


def _read(path: Path) -> list[Row]:
    columns, records = read_csv(path, "table")
    require_columns(path, "table", columns, REQUIRED)
    known = (*REQUIRED, *OPTIONAL)
    for column in columns:
        if column not in known:
            raise UsageError(
                f"table {path}: unknown column {column!r}{did_you_mean(column, known)}"
            )
    return [_row(path, line, record) for line, record in records]


def classes_of(rows: Sequence[Row], any_tumor_label: str | None = None) -> tuple[str, ...]:
    """Return the classes of the train split in alphabetical order, without `any_tumor_label`."""
    labels = {row.label for row in rows if row.split == "train"}
    return tuple(sorted(labels - {any_tumor_label}))


def _row(path: Path, line: int, record: dict[str, str]) -> Row:
    given = {column: text for column, text in record.items() if text}
    try:
        plane, mask, index = given.get("plane"), given.get("mask"), given.get("slice")
        row = Row(
            file=_existing(path, given.get("file", "")),
            label=given["label"],
            split=_one_of(given.get("split", ""), get_args(Split), "split"),
            source=given.get("source", ""),
            patient=given.get("patient", ""),
            weight=float(given.get("weight", 1)),
            mask=_existing(path, mask) if mask else None,
            mask_use=_one_of(given.get("mask_use", "full"), get_args(MaskUse), "mask_use"),
            slice=int(index) if index else None,
            plane=_one_of(plane, get_args(Plane), "plane") if plane else None,
            sequence=given.get("sequence", ""),
            made_of=tuple(filter(None, given.get("made_of", "").split(";"))),
        )
    except KeyError as error:
        raise UsageError(f"table {path}, line {line}: {error.args[0]} is empty") from None
    except ValueError as error:
        raise UsageError(f"table {path}, line {line}: {error}") from None
    if not row.weight >= 0:
        raise UsageError(f"table {path}, line {line}: weight {row.weight} is below 0")
    if (row.slice is None) != (row.plane is None):
        raise UsageError(f"table {path}, line {line}: slice and plane must be given together")
    return row


def _existing(table: Path, name: str) -> Path:
    path = table.parent / name
    if not path.is_file():
        raise ValueError(f"no file {path}")
    return path


def _one_of(value: str, allowed: tuple[_Choice, ...], what: str) -> _Choice:
    for choice in allowed:
        if choice == value:
            return choice
    raise ValueError(f"{what} {value!r} is not one of {', '.join(map(str, allowed))}")


def _check_splits(where: str, rows: Sequence[Row]) -> None:
    known = {row.label for row in rows if row.split == "train"}
    if len(known) < 2:
        raise UsageError(f"{where}: split train needs at least two classes")
    if not any(row.split == "val" for row in rows):
        raise UsageError(f"{where}: split val is empty")
    for row in rows:
        if row.label not in known:
            raise UsageError(f"{where}: class {row.label!r} is in {row.split}, not in train")
