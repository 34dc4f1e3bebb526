import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from batchmri.audit.audit import audit_data
from batchmri.cli import cli
from batchmri.errors import UsageError
from batchmri.outputs.console import Console
from batchmri.training.table import read_table

from .make import head, write

Rows = list[dict[str, str]]


def rows(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parent of the data and of the output `out` of one audit, which several tests read."""
    folder = tmp_path_factory.mktemp("audited")
    audit(write_data(folder / "data"), folder / "out")
    return folder


def write_data(folder: Path) -> Path:
    """Write two splits and two classes, with all kinds of copies, a conflict and odd files."""
    for number in range(16):
        label = "ab"[number % 2]
        write(folder / "Training" / label / f"{number}.jpg", head(number))
    first = (folder / "Training" / "a" / "0.jpg").read_bytes()
    test = folder / "Testing"
    (test / "a").mkdir(parents=True)
    (test / "a" / "bytes.jpg").write_bytes(first)
    pixels = cv2.imread(str(folder / "Training" / "a" / "2.jpg"), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    write(test / "a" / "pixels.png", pixels)
    write(test / "a" / "turned.jpg", np.rot90(head(4)), quality=60)
    write(test / "b" / "conflict.jpg", np.fliplr(head(6)))
    write(test / "b" / "alone.jpg", head(99))
    (test / "b" / "empty.jpg").write_bytes(b"")
    return folder


def audit(data: Path, out: Path, groups: Path | None = None) -> None:
    audit_data([data / "Training", data / "Testing"], out, groups, Console("plain"))


def write_groups(path: Path, head_row: str, *lines: str) -> Path:
    path.write_text("\n".join([head_row, *lines]) + "\n")
    return path


def test_each_kind_of_copy_is_listed(audited: Path) -> None:
    found = {row["file"]: row for row in rows(audited / "out" / "duplicates.csv")}
    assert len(found) == 8
    copies = {
        name: (row["match"], row["like"], row["orientation"], row["conflict"])
        for name, row in found.items()
        if row["split"] == "Testing"
    }
    assert copies == {
        "Testing/a/bytes.jpg": ("bytes", "Training/a/0.jpg", "same", "0"),
        "Testing/a/pixels.png": ("pixels", "Training/a/2.jpg", "same", "0"),
        "Testing/a/turned.jpg": ("near", "Training/a/4.jpg", "turned 90 left", "0"),
        "Testing/b/conflict.jpg": ("near", "Training/a/6.jpg", "mirrored", "1"),
    }
    assert {row["crosses_splits"] for row in found.values()} == {"1"}


def test_audit_json_and_figures(audited: Path) -> None:
    out = audited / "out"
    document = json.loads((out / "audit.json").read_text())
    assert document["pictures"] == 21
    assert document["distinct_images"] == 17
    assert document["odd_files"] == {"empty_file": 1}
    assert document["duplicates"]["groups_across_splits"] == 4
    assert document["duplicates"]["repeat_bytes"] == 1
    assert document["duplicates"]["repeat_pixels"] == 2
    (conflict,) = document["label_conflicts"]
    assert {entry["label"] for entry in conflict} == {"a", "b"}
    (odd,) = rows(out / "odd_files.csv")
    assert (odd["file"], odd["code"], odd["used"]) == ("Testing/b/empty.jpg", "empty_file", "0")
    for name in ("class_distribution", "samples", "duplicate_groups"):
        figure = cv2.imread(str(out / "figures" / f"{name}.png"))
        assert figure is not None and figure.std() > 5


def test_proposed_split_keeps_groups_together(data: Path, tmp_path: Path) -> None:
    people = [
        f"{split}/{path.parent.name}/{path.name},p{number // 3}"
        for split in ("Training", "Testing")
        for number, path in enumerate(sorted((data / split).rglob("*.jpg")))
    ]
    groups = write_groups(data / "groups.csv", "file,person", *people)
    out = tmp_path / "out"
    audit(data, out, groups)
    splits = {(out / row["file"]).resolve(): row for row in rows(out / "split.csv")}
    assert len(splits) == 21
    for row in rows(out / "duplicates.csv"):
        one, other = (data / row[key] for key in ("file", "like"))
        assert splits[one]["split"] == splits[other]["split"]
    sides: dict[str, set[str]] = {}
    for row in splits.values():
        sides.setdefault(row["patient"], set()).add(row["split"])
    assert all(len(side) == 1 for person, side in sides.items() if person)
    assert splits[data / "Testing" / "a" / "bytes.jpg"]["weight"] == "0.5"


def test_proposed_split_is_a_training_table(audited: Path) -> None:
    read = read_table(audited / "out" / "split.csv")
    assert {row.split for row in read} == {"train", "val", "test"}


@pytest.mark.slow
def test_repeated_audits_are_byte_identical(audited: Path) -> None:
    one, two = audited / "out", audited / "again"
    audit(audited / "data", two)
    files = [path.relative_to(one) for path in one.rglob("*.*")]
    assert len(files) == 8
    for file in files:
        assert (one / file).read_bytes() == (two / file).read_bytes()


@pytest.mark.slow
def test_similar_patients_are_proposed_unless_one_person(data: Path, tmp_path: Path) -> None:
    again = data / "Testing" / "b" / "again.jpg"
    moved = np.zeros((220, 220), np.uint8)
    moved[40:200, 10:170] = head(99)
    write(again, moved)
    lines = ("Testing/b/alone.jpg,first", "Testing/b/again.jpg,second")
    groups = write_groups(data / "groups.csv", "file,patient", *lines)
    audit(data, tmp_path / "out", groups)
    (row,) = rows(tmp_path / "out" / "persons.csv")
    assert (row["patient"], row["other_patient"]) == ("first", "second")
    assert (tmp_path / "out" / "figures" / "persons.png").exists()
    write_groups(groups, "file,patient,person", *(f"{line},anna" for line in lines))
    audit(data, tmp_path / "out", groups)
    assert rows(tmp_path / "out" / "persons.csv") == []
    assert not (tmp_path / "out" / "figures" / "persons.png").exists()


@pytest.mark.parametrize(
    ("head_row", "line", "complaint"),
    [
        ("name,patient", "x,p", "no column 'file'"),
        ("file,fold", "x,1", "none of the columns patient, person, source"),
        ("file,patient", "elsewhere.jpg,p", "lists none of the audited files"),
    ],
)
def test_invalid_groups_tables_are_rejected(
    data: Path, tmp_path: Path, head_row: str, line: str, complaint: str
) -> None:
    groups = write_groups(data / "groups.csv", head_row, line)
    with pytest.raises(UsageError, match=complaint):
        audit(data, tmp_path / "out", groups)
    assert not (tmp_path / "out").exists()


def test_missing_groups_table_is_rejected(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        audit(data, tmp_path / "out", tmp_path / "none.csv")


def test_folder_without_images_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(UsageError, match="no images in class folders"):
        audit_data([tmp_path / "a"], tmp_path / "out", None, Console("plain"))


def test_command_prints_the_findings(data: Path, tmp_path: Path) -> None:
    arguments = ["data", "audit", str(data), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "of these across splits" in done.output
    assert "Testing: 4 of 5 files show an image of another split" in done.output
