from collections.abc import Sequence
from pathlib import Path

import pytest

from batchmri.errors import UsageError
from batchmri.training.table import classes_of, read_data, read_rows


def fill(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()


def numbered(n: int) -> list[str]:
    return [f"{number:02d}.png" for number in range(n)]


def test_split_folders_are_case_insensitive_and_read_in_order(tmp_path: Path) -> None:
    for split in ("Validation", "TEST", "Training"):
        for label in ("wasp", "bee"):
            fill(tmp_path / split / label, ["b.JPG", "a.png"])
    rows = read_data(tmp_path)
    assert [row.split for row in rows] == ["test"] * 4 + ["train"] * 4 + ["val"] * 4
    assert [row.label for row in rows[:4]] == ["bee", "bee", "wasp", "wasp"]
    assert [row.file.name for row in rows[:2]] == ["a.png", "b.JPG"]
    assert classes_of(rows) == ("bee", "wasp")


def test_without_val_every_tenth_image_of_a_class_is_used_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for label, n in (("bee", 21), ("wasp", 9)):
        fill(tmp_path / "Training" / label, numbered(n))
        fill(tmp_path / "Testing" / label, numbered(12))
    rows = read_data(tmp_path)
    val = [(row.label, row.file.name) for row in rows if row.split == "val"]
    assert val == [("bee", "09.png"), ("bee", "19.png")]
    assert sum(row.split == "test" for row in rows) == 24
    assert "data audit" in caplog.text


def test_val_step_sets_the_share_of_val(tmp_path: Path) -> None:
    for label in ("bee", "wasp"):
        fill(tmp_path / label, numbered(10))
    val = [row.file.name for row in read_data(tmp_path, val_step=4) if row.split == "val"]
    assert val == ["03.png", "07.png"] * 2


def test_class_folders_without_splits_are_train_and_val(tmp_path: Path) -> None:
    for label in ("bee", "wasp"):
        fill(tmp_path / label, numbered(10))
    splits = [row.split for row in read_data(tmp_path)]
    assert splits == (["train"] * 9 + ["val"]) * 2


def test_hidden_and_other_files_and_folders_are_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for split in ("train", "val"):
        for label in ("bee", "wasp"):
            fill(tmp_path / split / label, ["a.png", ".DS_Store", "Thumbs.db", "notes.txt"])
    fill(tmp_path / "train" / ".cache", ["a.png"])
    fill(tmp_path / "masks", ["a.png"])
    assert len(read_data(tmp_path)) == 4
    assert "masks: ignored" in caplog.text
    assert "1 files are not images" in caplog.text


def test_folders_of_operating_systems_are_not_classes(tmp_path: Path) -> None:
    for label in ("bee", "wasp"):
        fill(tmp_path / label, [*numbered(10), "Thumbs.db", "desktop.ini", "._00.png"])
    for name in ("__MACOSX/bee", "@eaDir", ".hidden", "System Volume Information"):
        fill(tmp_path / name, ["._x.jpg"])
    assert {row.label for row in read_data(tmp_path)} == {"bee", "wasp"}
    assert len(read_rows(tmp_path)) == 20


@pytest.mark.parametrize(
    ("folders", "says"),
    [
        ({"bee": 20, "wasp": 0}, "wasp: contains no images"),
        ({"train/bee": 20, "train/wasp": 20, "test/wasp": 0}, "test/wasp: contains no images"),
        ({"train/bee": 20, "train/wasp": 20, "test/ant": 1}, "'ant' is in test, not in train"),
        ({"bee": 20}, "at least two classes"),
        ({"test/bee": 20, "test/wasp": 20}, "at least two classes"),
        ({"bee": 9, "wasp": 9}, "split val is empty"),
        ({}, "no class folders"),
    ],
)
def test_invalid_folders_raise(tmp_path: Path, folders: dict[str, int], says: str) -> None:
    for name, n in folders.items():
        fill(tmp_path / name, numbered(n))
    with pytest.raises(UsageError, match=says) as caught:
        read_data(tmp_path)
    assert "\n" not in str(caught.value)


def test_read_data_accepts_a_table(heads: Path) -> None:
    assert len(read_data(heads)) == 16
