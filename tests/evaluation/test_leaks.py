from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.errors import UsageError
from batchmri.evaluation.groups import groups_of
from batchmri.evaluation.leaks import check_leaks
from batchmri.evaluation.manifest import Manifest
from batchmri.training.table import Row, read_rows

from .make import write_csv, write_heads


def no_progress(_: int) -> None:
    pass


@pytest.fixture
def kaggle(shared_data: Path) -> Path:
    return shared_data / "brain-tumor-mri"


def test_manifest_and_training_data(kaggle: Path) -> None:
    rows = read_rows(kaggle / "Testing")
    leaks = check_leaks(rows, kaggle / "manifest.csv", kaggle / "Training", no_progress)
    assert len(rows) == 1311
    assert leaks.leak_free is not None
    assert len(leaks.leak_free) == 319
    assert sum(rows[i].label == "notumor" for i in leaks.leak_free) == 2
    assert "307 of them show a person of the training data, and for 12 the person" in leaks.notes[1]


def test_split_of_the_manifest(kaggle: Path) -> None:
    rows = read_rows(kaggle)
    assert len(rows) == 4625
    leaks = check_leaks(rows, kaggle / "manifest.csv", None, no_progress)
    assert leaks.leak_free is not None
    free = [rows[i] for i in leaks.leak_free]
    assert len(free) == 616
    counts = {label: sum(row.label == label for row in free) for label in ("notumor", "glioma")}
    assert counts == {"notumor": 82, "glioma": 189}


def test_note_counts_rows_in_train_and_val_of_the_manifest(kaggle: Path) -> None:
    rows = read_rows(kaggle / "Testing")
    leaks = check_leaks(rows, kaggle / "manifest.csv", None, no_progress)
    assert leaks.notes[0] == ("raw: 1311 images, 1097 of them in the manifest's train or val split")


def test_rows_of_one_person_are_one_bootstrap_group(kaggle: Path) -> None:
    rows = read_rows(kaggle / "Testing")
    leaks = check_leaks(rows, kaggle / "manifest.csv", None, no_progress)
    groups, description = groups_of(rows, leaks)
    assert description.endswith("by person, duplicate group")
    by_person: dict[str, set[int]] = {}
    for person, group in zip(leaks.persons, groups.tolist(), strict=True):
        by_person.setdefault(person, set()).add(group)
    assert all(len(found) == 1 for person, found in by_person.items() if person)
    assert len(by_person[""]) > 100


def test_a_mirrored_and_resized_copy_of_a_training_image_is_found(tmp_path: Path) -> None:
    train = write_heads(tmp_path / "train", range(0, 12))
    test = write_heads(tmp_path / "test", range(20, 28))
    image = cv2.imread(str(train / "spot" / "4.png"), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    larger = cv2.resize(np.ascontiguousarray(image[:, ::-1]), None, fx=1.5, fy=1.5)
    cv2.imwrite(str(test / "spot" / "mirrored.jpg"), larger)
    rows = read_rows(test)
    leaks = check_leaks(rows, None, train, no_progress)
    assert leaks.leak_free is not None
    leaked = {row.file.name for i, row in enumerate(rows) if i not in leaks.leak_free}
    assert leaked == {"mirrored.jpg"}
    assert "8 images that resemble none of the 12 training images" in leaks.notes[1]


def test_test_and_dev_rows_of_the_training_table_are_leak_free(tmp_path: Path) -> None:
    data = write_heads(tmp_path, range(8))
    records = [
        {"file": f"{('spot', 'notumor')[n % 2]}/{n}.png", "label": "x", "split": split}
        for n, split in enumerate(["train", "train", "val", "val", "test", "test", "dev", "dev"])
    ]
    table = write_csv(data / "table.csv", records)
    rows = read_rows(table)
    leaks = check_leaks(rows, None, table, no_progress)
    assert leaks.leak_free is not None
    assert leaks.leak_free.tolist() == [4, 5, 6, 7]


def test_shared_patients_are_counted_and_grouped(tmp_path: Path) -> None:
    data = write_heads(tmp_path, range(4))
    records = [
        {
            "file": f"{('spot', 'notumor')[n % 2]}/{n}.png",
            "label": "x",
            "split": split,
            "patient": p,
        }
        for n, (split, p) in enumerate(
            [("train", "p1"), ("test", "p1"), ("test", "p2"), ("test", "p2")]
        )
    ]
    table = write_csv(data / "table.csv", records)
    rows = [row for row in read_rows(table) if row.split == "test"]
    leaks = check_leaks(rows, None, table, no_progress)
    assert "1 of them show a patient of the training data" in leaks.notes[1]
    groups, description = groups_of(rows, leaks)
    assert groups.tolist() == [0, 1, 1]
    assert description == "2 groups of 3 images by patient, duplicate group"


def test_note_if_no_leak_check_is_requested() -> None:
    leaks = check_leaks([Row(Path("a"), "x", "test")], None, None, no_progress)
    assert leaks.leak_free is None
    assert leaks.notes == ("no leak check was requested; see --manifest and --trained-on",)


def test_manifest_entries_match_the_end_of_a_path(tmp_path: Path) -> None:
    columns = {"dup_group": "1", "suggested_split": "test", "representative": "1", "person": ""}
    records = [{"file": name, **columns} for name in ("a/x.png", "b/a/y.png")]
    manifest = Manifest.read(write_csv(tmp_path / "m.csv", records))
    assert manifest.find(Path("/data/a/x.png")) is not None
    assert manifest.find(Path("/data/c/x.png")) is None
    assert manifest.find(Path("a/y.png")) is None


def test_invalid_manifests_raise_usage_error(tmp_path: Path) -> None:
    rows = [Row(Path("a.png"), "x", "test")]
    with pytest.raises(UsageError, match="no column 'file'"):
        check_leaks(rows, write_csv(tmp_path / "m.csv", [{"name": "a"}]), None, no_progress)
    with pytest.raises(UsageError, match="no such file or folder"):
        check_leaks(rows, tmp_path / "none.csv", None, no_progress)
    record = dict.fromkeys(("dup_group", "suggested_split", "representative", "person"), "1")
    other = write_csv(tmp_path / "o.csv", [{"file": "b.png", **record}])
    with pytest.raises(UsageError, match="lists none of the evaluated images"):
        check_leaks(rows, other, None, no_progress)
