"""Transplants below the tentorium: place, control, labels and splits."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import nibabel
import numpy as np
import pytest
from click.testing import CliRunner

from batchmri.cli import cli
from batchmri.errors import UsageError
from batchmri.synthetic.anatomy import POSTERIOR_FOSSA, Frame, frame_of
from batchmri.synthetic.build import build_infratentorial
from batchmri.synthetic.head import Head, grown
from batchmri.synthetic.infratentorial import CONTROL, TRANSPLANTED, pairs, sites, target
from batchmri.synthetic.output import Made
from batchmri.synthetic.transplant import middle_of
from batchmri.training.images import AXES
from batchmri.training.table import Plane, Row, read_table
from tests.synthetic.volume import ORIGIN, ZOOMS, drawn_volume

MakeHead = Callable[..., Head]
SLICES: dict[Plane, tuple[int, ...]] = {
    "axial": (43, 46, 49, 52),
    "coronal": (30, 40),
    "sagittal": (32, 46, 60),
}


@pytest.fixture
def hosts(tmp_path: Path) -> list[Row]:
    """Slices of three tumor-free volumes, through the posterior fossa and far above it."""
    rows = []
    for number, person in enumerate("xyz"):
        path = tmp_path / f"{person}.nii"
        volume = drawn_volume(number).astype(np.uint8)
        nibabel.save(nibabel.Nifti1Image(volume, np.diag([2, 2, 2, 1])), path)  # type: ignore[no-untyped-call]
        rows += [
            Row(path, "notumor", "train", "heads", person, slice=index, plane=plane)
            for plane, indices in {**SLICES, "axial": (*SLICES["axial"], 80)}.items()
            for index in indices
        ]
    return rows


@pytest.fixture
def tumors(tmp_path: Path, make_head: MakeHead) -> list[Row]:
    """One tumor of each of two classes, above the tentorium."""
    rows = []
    for label, place in (("glioma", (90, 60)), ("meningioma", (70, 120))):
        head = make_head(label, tumor=place, label=label)
        assert head.mask is not None
        cv2.imwrite(str(tmp_path / f"{label}.png"), head.image)
        cv2.imwrite(str(tmp_path / f"{label}-mask.png"), head.mask.astype(np.uint8) * 255)
        mask = tmp_path / f"{label}-mask.png"
        rows.append(Row(tmp_path / f"{label}.png", label, "train", "t", label, mask=mask))
    return rows


@pytest.fixture
def made(tumors: list[Row], hosts: list[Row]) -> list[Made]:
    return list(pairs(tumors, hosts, 4, np.random.default_rng(0)))


def test_tumors_are_in_a_part_of_the_posterior_fossa(made: list[Made]) -> None:
    assert len(made) == 8
    frame = frame_of(drawn_volume(0), ZOOMS)
    assert frame is not None
    for one in made[::2]:
        assert one.mask is not None
        position = _position(one.head, middle_of(one.mask) * one.mask.shape, frame)
        assert any(
            (np.abs(position - part.center) <= np.array(part.reach) + 0.02).all()
            for parts in POSTERIOR_FOSSA.values()
            for part in parts
        ), position


def test_a_control_has_the_same_slice_and_area_but_no_tumor(made: list[Made]) -> None:
    for transplant, control in zip(made[::2], made[1::2], strict=True):
        assert (transplant.source, control.source) == (TRANSPLANTED, CONTROL)
        assert control.head.row == transplant.head.row
        assert (control.label, control.mask) == ("notumor", None)
        assert control.donor.row.person != control.head.row.person
        assert transplant.mask is not None
        inner, far = ~grown(~transplant.mask, 3), ~grown(transplant.mask, 16)
        before = transplant.head.image
        change = transplant.image[inner].mean() - before[inner].mean()
        assert change > 30
        assert abs(control.image[inner].mean() - before[inner].mean()) < change / 3
        assert (control.image[inner] != before[inner]).mean() > 0.8
        for image in (transplant.image, control.image):
            assert np.array_equal(image[far], before[far])


@pytest.mark.parametrize(
    ("x", "tumor", "labels"),
    [
        (46, "glioma", {"tumor"}),  # the fourth ventricle
        (60, "glioma", {"glioma", "tumor"}),  # hemisphere and cerebellopontine angle
        (60, "meningioma", {"meningioma", "tumor"}),
    ],
)
def test_only_a_usual_tumor_of_the_place_keeps_its_class(
    tumors: list[Row], hosts: list[Row], x: int, tumor: str, labels: set[str]
) -> None:
    own = [row for row in tumors if row.label == tumor]
    slices = [row for row in hosts if (row.plane, row.slice) == ("sagittal", x)]
    made = list(pairs(own, slices, 4, np.random.default_rng(0)))
    assert {one.label for one in made[::2]} == labels
    assert {one.label for one in made[1::2]} == {"notumor"}


def test_slices_above_the_posterior_fossa_are_not_used(hosts: list[Row]) -> None:
    found = sites(hosts)
    assert set(found) == set(POSTERIOR_FOSSA) and all(found.values())
    assert not any(site.row.slice == 80 for those in found.values() for site in those)


def test_a_position_becomes_the_pixel_that_shows_it(hosts: list[Row]) -> None:
    site = sites(hosts)["fourth ventricle"][0]
    occiput, other = target(site, (0, 0, 0)), target(site, (0.2, 0.3, 0.5))
    assert occiput is not None and other is not None and site.plane == "axial"
    height, width = occiput.head.image.shape
    # In the axial plane, the occiput is at the bottom, and the patient's right on the left.
    assert occiput.pixel[0] > height - 1
    assert occiput.pixel[1] == pytest.approx(width / 2, abs=8)
    assert occiput.pixel[0] - other.pixel[0] == pytest.approx(0.3 * other.length)
    assert occiput.pixel[1] - other.pixel[1] == pytest.approx(0.2 * other.length, rel=0.02)


def _position(
    head: Head, pixel: "np.ndarray[Any, Any]", frame: Frame
) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return the position of a pixel of a slice, found without the function under test."""
    row, box = head.row, head.box
    assert row.plane is not None and row.slice is not None and box is not None
    axis = AXES[row.plane]
    across, down = (other for other in range(3) if other != axis)
    height, width = head.image.shape
    voxel = np.zeros(3)
    voxel[axis] = row.slice
    voxel[down] = frame.shape[down] - 1 - (box.y + pixel[0] * box.height / height)
    voxel[across] = frame.shape[across] - 1 - (box.x + pixel[1] * box.width / width)
    return (voxel - ORIGIN) * np.array([2, 2, -2]) / frame.length


def _write_table(path: Path, rows: list[Row], dev: str) -> None:
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["file", "label", "split", "source", "patient", "mask", "slice", "plane"])
        for row in rows:
            split = "dev" if row.patient == dev else "train"
            index = "" if row.slice is None else row.slice
            writer.writerow(
                [row.file, row.label, split, row.source, row.patient, row.mask or "", index,
                 row.plane or ""]
            )  # fmt: skip
        writer.writerow([rows[0].file, rows[0].label, "val", "t", "v", "", "", ""])
        if not any(row.label == "notumor" for row in rows):
            writer.writerow([rows[0].file, "notumor", "train", "t", "v", "", "", ""])


def test_no_image_is_made_of_another_split(
    tumors: list[Row], hosts: list[Row], tmp_path: Path
) -> None:
    extra = Row(tumors[0].file, "tumor", "train", "t", "w")
    _write_table(tmp_path / "table.csv", [*tumors, *hosts, extra], dev="z")
    counts = build_infratentorial(tmp_path / "table.csv", tmp_path / "out", 3)
    rows = [row for row in read_table(tmp_path / "out" / "table.csv") if row.made_of]
    assert len(rows) == sum(counts.values()) == 6
    assert {row.split for row in rows} == {"train"}
    persons = {person for row in rows for person in row.made_of}
    assert persons <= {"heads x", "heads y", "t glioma", "t meningioma"}
    assert [bool(row.mask) for row in rows] == [True, False] * 3


def test_missing_masks_or_volumes_are_reported(
    tumors: list[Row], hosts: list[Row], tmp_path: Path
) -> None:
    _write_table(tmp_path / "table.csv", tumors, dev="")
    with pytest.raises(UsageError, match=r"no slice of a tumor-free volume.*NIfTI"):
        build_infratentorial(tmp_path / "table.csv", tmp_path / "out")
    unmasked = [Row(row.file, row.label, "train", "t", row.patient) for row in tumors]
    _write_table(tmp_path / "table.csv", [*unmasked, *hosts], dev="")
    with pytest.raises(UsageError, match=r"no image of split train has a tumor mask.*mask_use"):
        build_infratentorial(tmp_path / "table.csv", tmp_path / "out")


def test_the_command_takes_the_place(tumors: list[Row], tmp_path: Path) -> None:
    _write_table(tmp_path / "table.csv", tumors, dev="")
    given = ["data", "counterfactual", str(tmp_path / "table.csv"), "--out", str(tmp_path / "out")]
    messages = [
        str(CliRunner().invoke(cli, [*given, *more]).exception)
        for more in ([], ["--place", "infratentorial"])
    ]
    assert "the plane of no image with a tumor mask is known" in messages[0]
    assert "no slice of a tumor-free volume" in messages[1]
