"""The images and series on which models are calibrated and compared.

None of them was used for training, except cases that are marked as `trained`. Thresholds and other
choices may depend on every group except those in FINAL, which are evaluated once, at the end.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from batchmri.geometry import slice_axis_of
from batchmri.training.images import AXES, read_volume
from batchmri.training.table import Row, read_rows
from experiments.b1.table import ANY_TUMOR, native_slices, read_csv

FREE = "notumor"
FINAL = ("test", "atlas44 held back", "pituitary-coronal")
_PLANES = {axis: plane for plane, axis in AXES.items()}
_SITES = {"dcm_qa_uih study DTI_134434": "uih-umr770"}  # one scanner in two data sets
_SMALLEST_TUMOR = 60  # pixels of a slice
_NEAR_TUMOR = 2  # slices at most this far from a tumor count as neither with nor without it


@dataclass(frozen=True, slots=True)
class Case:
    """Images that get one verdict: a single image, or the slices of a series in their order.

    `group` is the kind of data, `kind` the label or the kind of tumor, and `label` a class, or
    `tumor` for a tumor of another kind. `source` is the origin that is left out as a whole when a
    fit is tested, and `person` the patient or volunteer. `slice_labels` states for each slice of a
    volume with a mask whether it shows the tumor; None means unclear.
    """

    group: str
    kind: str
    label: str
    name: str
    rows: tuple[Row, ...]
    infratentorial: bool = False
    contrast: bool = True
    trained: bool = False
    source: str = ""
    person: str = ""
    slice_labels: tuple[bool | None, ...] = ()
    mask: Path | None = None

    @property
    def masked_rows(self) -> list[Row]:
        """The slices that show the tumor, with the mask of the volume."""
        return [
            replace(row, mask=self.mask, patient=self.person)
            for row, label in zip(self.rows, self.slice_labels, strict=True)
            if label
        ]

    @property
    def is_series(self) -> bool:
        """Whether the case is a series, whose verdict a few slices decide."""
        return len(self.rows) > 1


def all_cases(shared_data: Path, table: Path, final: bool) -> list[Case]:
    """All cases; with `final`, also those on which no choice may depend."""
    cases = [
        *table_images(table, {"val": ("brain-tumor-mri",), "dev": ("lgg",)}),
        *atlas_images(shared_data),
        *native_series(shared_data / "sources" / "heads-native"),
        *volume_series(shared_data),
    ]
    if final:
        cases += table_images(table, {"test": ("brain-tumor-mri",)})
        cases += atlas_held_back(shared_data)
        cases += pituitary_coronal(shared_data / "external-dev" / "pituitary-coronal")
    return cases


def table_images(table: Path, wanted: dict[str, tuple[str, ...]]) -> Iterator[Case]:
    """The images of some splits and sources of the training table."""
    for row in read_rows(table):
        if row.source in wanted.get(row.split, ()):
            group = row.split if row.source == "brain-tumor-mri" else row.source
            site = f"lgg {row.patient.split('_')[1]}" if row.source == "lgg" else group
            contrast = row.sequence in ("", "t1_contrast")
            yield Case(group, row.label, row.label, row.patient, (row,), source=site,
                       person=row.patient, contrast=contrast)  # fmt: skip


def atlas_images(shared_data: Path) -> Iterator[Case]:
    """Visible tumors of the 44-class set that are not training images."""
    folder = shared_data / "sources" / "atlas44"
    for row in read_csv(folder / "table.csv"):
        if row["split"] == "dev" and row["tumour_visible"] == "yes":
            yield _atlas_case("atlas44", row, folder / row["file"])
    for row in read_csv(folder / "external_dev_reuse.csv"):
        if row["split"] == "dev":
            yield _atlas_case("atlas44", row, shared_data / row["file"])


def atlas_held_back(shared_data: Path) -> Iterator[Case]:
    """Images of the earlier part of the 44-class set, used only for the final evaluation."""
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
        source="atlas44",
        person=row["scan_group"],
    )


def native_series(folder: Path) -> Iterator[Case]:
    """Tumor-free heads at native resolution: slices 8 mm apart; each plane is a series."""
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
                source=_SITES.get(own[0]["source"], own[0]["source"]),
                person=volume,
            )


def volume_series(shared_data: Path) -> Iterator[Case]:
    """Complete volumes, as slices along the axis that a scan uses."""
    folder = shared_data / "sources" / "heads"
    for row in read_csv(folder / "table.csv"):
        if row["split_hint"] == "dev":
            yield _volume("heads", FREE, folder / row["file"], source=row["source"],
                          person=row["subject"], contrast=False)  # fmt: skip
    yield from _native_volumes(shared_data / "sources" / "heads-native")
    folder = shared_data / "volumes" / "dev"
    for row in read_csv(folder / "pituitary-volumes" / "table.csv"):
        file = folder / "pituitary-volumes" / row["file"]
        yield _volume("pituitary volumes", "pituitary", file, person=row["patient"])
    for row in read_csv(folder / "stripped-tumors" / "table.csv"):
        file, mask = (folder / "stripped-tumors" / row[name] for name in ("file", "mask"))
        trained = row["split"] == "train"
        yield _volume("stripped tumors", "glioma", file, mask, person=row["patient"],
                      trained=trained)  # fmt: skip
    for row in read_csv(folder / "other-volumes" / "table.csv"):
        file = folder / "other-volumes" / row["file"]
        yield _volume("other volumes", row["our_class"], file, person=row["patient"])
    folder = shared_data / "volumes" / "tumor"
    for file in sorted(folder.glob("gbm-*/*_Scan_T1.nii.gz")):
        mask = file.with_name(file.name.replace("_Scan_T1", "_Mask"))
        yield _volume("gbm", "glioma", file, mask, person=file.parent.name, trained=True)
    for file in sorted(folder.glob("brats*/*.nii.gz")):
        if "mask" not in file.name.lower() and "seg" not in file.name.lower():
            yield _volume("stripped tumors", "glioma", file, person=file.parent.name)


def _native_volumes(folder: Path) -> Iterator[Case]:
    """Complete tumor-free volumes at native resolution."""
    rows = {row["volume"]: row for row in read_csv(folder / "sources.csv")}
    for file in sorted(folder.glob("**/volumes/*.nii.gz")):
        row = rows[file.name.removesuffix(".nii.gz")]
        group = "stripped heads" if "stripped" in file.parts else "native heads"
        yield _volume(group, FREE, file, source=row["source"], person=row["volume"],
                      contrast=False, trained=row["split"] == "train")  # fmt: skip


def _volume(
    group: str,
    label: str,
    file: Path,
    mask: Path | None = None,
    *,
    source: str = "",
    person: str = "",
    contrast: bool = True,
    trained: bool = False,
) -> Case:
    volume, zooms = read_volume(file)
    axis = slice_axis_of(volume.shape, np.diag([*zooms, 1.0]))
    in_plane = tuple(other for other in range(3) if other != axis)
    shown = (volume > 0.05 * np.percentile(volume, 99.5)).mean(in_plane)
    slices = [int(index) for index in np.flatnonzero(shown > 0.005)]  # a scan leaves out blank ones
    labels: tuple[bool | None, ...] = ()
    if mask is not None:
        areas = (read_volume(mask)[0] > 0).sum(in_plane)
        labels = tuple(_shows_tumor(areas, index) for index in slices)
    rows = tuple(Row(file, label, "dev", slice=index, plane=_PLANES[axis]) for index in slices)
    return Case(group, label, label, f"{file.parent.name}/{file.name}", rows, contrast=contrast,
                trained=trained, source=source or group, person=person,
                slice_labels=labels, mask=mask)  # fmt: skip


def _shows_tumor(areas: npt.NDArray[np.int64], index: int) -> bool | None:
    if areas[index] >= _SMALLEST_TUMOR:
        return True
    near = areas[max(0, index - _NEAR_TUMOR) : index + _NEAR_TUMOR + 1]
    return None if near.any() else False


def pituitary_coronal(folder: Path) -> Iterator[Case]:
    """Coronal slices with and without a pituitary tumor."""
    for row in read_csv(folder / "table.csv"):
        label = row["our_class"]
        mask = folder / row["mask"] if row["mask"] else None
        image = (Row(folder / row["file"], label, "dev", "", row["case"], mask=mask),)
        yield Case("pituitary-coronal", label, label, row["case"], image,
                   source="pituitary-coronal", person=row["case"])  # fmt: skip


def rows_of(cases: Iterable[Case]) -> list[Row]:
    """The rows of all cases, one after the other."""
    return [row for case in cases for row in case.rows]
