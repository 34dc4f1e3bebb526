"""The pictures and whole series that compare two models, none of which trained either.

Exceptions are marked by `trained`. Everything but the groups of FINAL may choose thresholds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from batchmri.geometry import slice_axis_of
from batchmri.training.images import AXES, read_volume
from batchmri.training.table import Row, read_rows
from experiments.b1.table import ANY_TUMOR, native_slices, read_csv

FREE = "notumor"
FINAL = ("test", "atlas44 held back", "pituitary-coronal")
_PLANES = {axis: plane for plane, axis in AXES.items()}


@dataclass(frozen=True, slots=True)
class Case:
    """Pictures that are judged together: one picture, or the slices of a series in their order.

    `group` is where they come from, `kind` what they show (a label, or a kind of tumor), `label` a
    class, or `tumor` for a tumor of no given class.
    """

    group: str
    kind: str
    label: str
    name: str
    rows: tuple[Row, ...]
    infratentorial: bool = False
    contrast: bool = True
    trained: bool = False

    @property
    def is_series(self) -> bool:
        """Whether it is a series, of which a few slices decide."""
        return len(self.rows) > 1


def all_cases(shared_data: Path, table: Path, final: bool) -> list[Case]:
    """Every case; with `final`, also those that no choice may use."""
    cases = [
        *table_pictures(table, {"val": ("brain-tumor-mri",), "dev": ("lgg",)}),
        *atlas_pictures(shared_data),
        *native_series(shared_data / "sources" / "heads-native"),
        *volume_series(shared_data),
    ]
    if final:
        cases += table_pictures(table, {"test": ("brain-tumor-mri",)})
        cases += atlas_held_back(shared_data)
        cases += pituitary_coronal(shared_data / "external-dev" / "pituitary-coronal")
    return cases


def table_pictures(table: Path, wanted: dict[str, tuple[str, ...]]) -> Iterator[Case]:
    """The pictures of some splits and sources of the training table."""
    for row in read_rows(table):
        if row.source in wanted.get(row.split, ()):
            group = row.split if row.source == "brain-tumor-mri" else row.source
            yield Case(group, row.label, row.label, row.patient, (row,))


def atlas_pictures(shared_data: Path) -> Iterator[Case]:
    """Visible tumors of the 44-class set that did not train."""
    folder = shared_data / "sources" / "atlas44"
    for row in read_csv(folder / "table.csv"):
        if row["split"] == "dev" and row["tumour_visible"] == "yes":
            yield _atlas_case("atlas44", row, folder / row["file"])
    for row in read_csv(folder / "external_dev_reuse.csv"):
        if row["split"] == "dev":
            yield _atlas_case("atlas44", row, shared_data / row["file"])


def atlas_held_back(shared_data: Path) -> Iterator[Case]:
    """Pictures of the earlier part of the 44-class set that only judge."""
    folder = shared_data / "external-dev" / "atlas44"
    reused = {
        Path(row["file"]).name
        for row in read_csv(shared_data / "sources" / "atlas44" / "external_dev_reuse.csv")
    }
    for row in read_csv(folder / "table.csv"):
        if Path(row["file"]).name not in reused:
            yield _atlas_case("atlas44 held back", row, folder / row["file"])


def _atlas_case(group: str, row: dict[str, str], file: Path) -> Case:
    label = ANY_TUMOR if row["our_class"].startswith("other") else row["our_class"]
    kind = row.get("folder") or row["orig_class"]
    contrast = row["sequence"] == "t1c"
    if row["our_class"] == "other_lesion":
        group = "other lesions"  # neither tumors nor tumor-free
    return Case(
        group,
        row["our_class"] if row["our_class"] == FREE else kind.split(" ")[0],
        label,
        row["scan_group"],
        (Row(file, label, "dev", group, row["scan_group"]),),
        infratentorial=row.get("infratentorial") == "yes",
        contrast=contrast,
    )


def native_series(folder: Path) -> Iterator[Case]:
    """Tumor-free heads at native resolution: slices 8 mm apart, each plane a series."""
    for table in (folder / "table.csv", folder / "same-persons" / "table.csv"):
        rows = [row for row in native_slices(table) if row["split"] == "dev"]
        ordered = sorted(rows, key=lambda row: (row["volume"], row["plane"], row["file"]))
        for (volume, plane), slices in groupby(ordered, lambda row: (row["volume"], row["plane"])):
            own = list(slices)
            skull = own[0]["skull"] == "yes"
            yield Case(
                "native slices" if skull else "stripped slices",
                FREE,
                FREE,
                f"{volume} {plane}",
                tuple(Row(table.parent / row["file"], FREE, "dev") for row in own),
                contrast=False,
            )


def volume_series(shared_data: Path) -> Iterator[Case]:
    """Whole volumes, their slices along the axis that a scan takes."""
    folder = shared_data / "sources" / "heads"
    for row in read_csv(folder / "table.csv"):
        if row["split_hint"] == "dev":
            yield _volume("heads", FREE, folder / row["file"], contrast=False)
    folder = shared_data / "sources" / "heads-native"
    trained = {row["volume"]: row["split"] == "train" for row in read_csv(folder / "sources.csv")}
    for file in sorted(folder.glob("**/volumes/*.nii.gz")):
        name = file.name.removesuffix(".nii.gz")
        group = "stripped heads" if "stripped" in file.parts else "native heads"
        yield _volume(group, FREE, file, contrast=False, trained=trained[name])
    folder = shared_data / "volumes" / "dev"
    for row in read_csv(folder / "pituitary-volumes" / "table.csv"):
        yield _volume("pituitary volumes", "pituitary", folder / "pituitary-volumes" / row["file"])
    for row in read_csv(folder / "stripped-tumors" / "table.csv"):
        file = folder / "stripped-tumors" / row["file"]
        yield _volume("stripped tumors", "glioma", file, trained=row["split"] == "train")
    for row in read_csv(folder / "other-volumes" / "table.csv"):
        yield _volume("other volumes", row["our_class"], folder / "other-volumes" / row["file"])
    folder = shared_data / "volumes" / "tumor"
    for file in sorted(folder.glob("gbm-*/*_Scan_T1.nii.gz")):
        yield _volume("gbm", "glioma", file, trained=True)
    for file in sorted(folder.glob("brats*/*.nii.gz")):
        if "mask" not in file.name.lower() and "seg" not in file.name.lower():
            yield _volume("stripped tumors", "glioma", file)


def _volume(
    group: str, label: str, file: Path, contrast: bool = True, trained: bool = False
) -> Case:
    volume, zooms = read_volume(file)
    axis = slice_axis_of(volume.shape, np.diag([*zooms, 1.0]))
    shown = (volume > 0.05 * np.percentile(volume, 99.5)).mean(
        tuple(other for other in range(3) if other != axis)
    )
    rows = tuple(
        Row(file, label, "dev", slice=int(index), plane=_PLANES[axis])
        for index in np.flatnonzero(shown > 0.005)  # a scan leaves blank slices out
    )
    return Case(group, label, label, f"{file.parent.name}/{file.name}", rows, contrast=contrast,
                trained=trained)  # fmt: skip


def pituitary_coronal(folder: Path) -> Iterator[Case]:
    """Coronal slices with and without a pituitary tumor."""
    for row in read_csv(folder / "table.csv"):
        label = row["our_class"]
        picture = (Row(folder / row["file"], label, "dev", "", row["case"]),)
        yield Case("pituitary-coronal", label, label, row["case"], picture)


def rows_of(cases: Iterable[Case]) -> list[Row]:
    """The rows of all cases, one after the other."""
    return [row for case in cases for row in case.rows]
