"""The table of the shipped weights' training data, from generated folders."""

import csv
from pathlib import Path
from typing import Any

import cv2
import nibabel
import numpy as np
import pytest

from batchmri.training.table import read_table
from experiments.b1.table import added, write
from tests.synthetic.volume import LENGTH, ORIGIN, drawn_volume

ATLAS = "file,our_class,sequence,infratentorial,tumour_visible,scan_group,split"
HEADS = "file,source,volume,skull,split"


def put(folder: Path, name: str, columns: str, *lines: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join([columns, *lines]) + "\n")


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 8), 9, np.uint8))


def volume(path: Path, array: np.ndarray[Any, Any], size: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([size, size, size, 1.0])
    nibabel.save(nibabel.Nifti1Image(array, affine), path)  # type: ignore[no-untyped-call]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    data = tmp_path / "shared"
    atlas = data / "sources" / "atlas44"
    put(atlas, "table.csv", ATLAS,
        "a.png,glioma,t1c,no,yes,1,train", "b.png,other_tumor,t1,yes,yes,2,train",
        "c.png,other_lesion,t1c,no,yes,3,train", "d.png,meningioma,t1c,unknown,unknown,4,train",
        "e.png,meningioma,t1c,unknown,yes,5,dev")  # fmt: skip
    put(atlas, "external_dev_reuse.csv", ATLAS, "external-dev/f.png,meningioma,t1c,no,,6,train")
    for name in "abcde":
        image(atlas / f"{name}.png")
    image(data / "external-dev" / "f.png")
    native = data / "sources" / "heads-native"
    put(native, "table.csv", HEADS, "g.png,s,v,yes,train", "h.png,s,v,yes,train",
        "i.png,s,w,no,dev", "v.nii.gz,s,v,yes,train")  # fmt: skip
    put(native / "same-persons", "table.csv", HEADS, "j.png,s,x,yes,train")
    put(native, "sources.csv", "source,volume,skull,split,whole_volume",
        "s,v,yes,train,volumes/v.nii.gz", "s,w,yes,dev,volumes/w.nii.gz",
        "s,st,no,train,volumes/st.nii.gz")  # fmt: skip
    put(data / "sources" / "heads", "table.csv", "file,source,subject,template,split_hint",
        "volumes/h.nii.gz,q,1,0,train", "volumes/d.nii.gz,q,2,0,dev",
        "volumes/t.nii.gz,q,3,1,train")  # fmt: skip
    head = drawn_volume(0).astype(np.uint8)
    for folder, names in ((native, ("v", "w", "st")), (data / "sources" / "heads", "hdt")):
        for name in names:
            volume(folder / "volumes" / f"{name}.nii.gz", head, size=2.0)
    for path in (native / "g.png", native / "h.png", native / "i.png"):
        image(path)
    image(native / "same-persons" / "j.png")
    stripped = data / "volumes" / "dev" / "stripped-tumors"
    put(stripped, "table.csv", "file,mask,patient,split", "k.nii.gz,m.nii.gz,p,train")
    scan, mask = np.full((20, 20, 9), 100, np.uint8), np.zeros((20, 20, 9), np.uint8)
    mask[:10, :10, 4] = 1
    volume(stripped / "k.nii.gz", scan)
    volume(stripped / "m.nii.gz", mask)
    image(tmp_path / "base" / "n.png")
    put(tmp_path / "base", "table.csv", "file,label,split,source",
        "n.png,pituitary,train,brain-tumor-mri", "n.png,pituitary,val,brain-tumor-mri")  # fmt: skip
    return data


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_every_source_has_its_label_and_split(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "table.csv"
    write(added(shared, None), tmp_path / "base" / "table.csv", out)
    assert len(read_table(out)) == len(rows_of(out))  # every file is there
    found = {
        (Path(row["file"]).name, row["source"], row["label"], row["split"]) for row in rows_of(out)
    }
    assert found >= {
        ("n.png", "brain-tumor-mri", "pituitary", "train"),
        ("a.png", "atlas44", "glioma", "train"),
        ("b.png", "atlas44-infratentorial", "tumor", "train"),  # of no class of the model
        ("e.png", "atlas44", "meningioma", "dev"),
        ("f.png", "atlas44", "meningioma", "train"),
        ("i.png", "stripped", "notumor", "dev"),
        ("j.png", "heads-native", "notumor", "train"),
    }
    names = {name for name, *_ in found}
    assert not names & {"c.png", "d.png"}  # no tumor; a tumor that cannot be seen


def test_slices_beside_a_tumor_are_left_out(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "table.csv"
    write(added(shared, None), tmp_path / "base" / "table.csv", out)
    slices = {
        int(row["slice"]): (row["label"], row["mask_use"])
        for row in rows_of(out)
        if row["slice"] and row["source"] == "stripped"
    }
    free = ("notumor", "")
    assert slices == {0: free, 1: free, 4: ("glioma", "outside"), 7: free, 8: free}


def test_heads_weigh_the_same(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "table.csv"
    write(added(shared, None), tmp_path / "base" / "table.csv", out)
    weights = {Path(row["file"]).name: float(row["weight"] or 1) for row in rows_of(out)}
    assert (weights["g.png"], weights["h.png"], weights["j.png"]) == (0.5, 0.5, 1.0)
    assert (weights["a.png"], weights["b.png"]) == (1.0, 0.5)  # without contrast, half


def test_slices_of_the_sella_come_from_training_heads_only(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "table.csv"
    write(added(shared, None), tmp_path / "base" / "table.csv", out)
    rows = [row for row in rows_of(out) if row["source"] == "heads-sella"]
    assert {Path(row["file"]).name for row in rows} == {"v.nii.gz", "h.nii.gz"}
    assert {(row["label"], row["split"]) for row in rows} == {("notumor", "train")}
    assert {row["made_of"] for row in rows} == {"heads q 1", "heads-native s v"}
    for name in ("v.nii.gz", "h.nii.gz"):
        weights = [float(row["weight"]) for row in rows if Path(row["file"]).name == name]
        assert sum(weights) == pytest.approx(1, abs=0.01)  # every volume weighs the same
    extents = {"sagittal": (0.0, 0.04), "coronal": (0.55, 0.1), "axial": (0.52, 0.12)}
    for axis, (plane, (middle, reach)) in enumerate(extents.items()):
        found = [int(row["slice"]) for row in rows if row["plane"] == plane]
        positions = np.abs(np.array(found) - ORIGIN[axis]) * 2 / LENGTH
        assert len(found) >= 6 and np.abs(positions - middle).max() <= reach + 0.02
