"""Labels of folders and of files that are given as PATHs."""

import random
from pathlib import Path

import pytest

from batchmri.archive.root_labels import label_roots, labels_around


def put(folder: Path, *names: str) -> list[str]:
    """Create files; returns their paths."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return [str(folder / name) for name in names]


def test_labels(tmp_path: Path) -> None:
    put(tmp_path, "x/data/f", "y/data/f", "y/data-2/f")
    roots = [str(tmp_path / name) for name in ("x/data", "y/data", "y/data-2")]
    labels = label_roots(roots)
    assert labels == dict(zip(("data", "data-2", "data-2-2"), roots, strict=True))
    assert label_roots([*roots, str(tmp_path), roots[0], roots[0] + "/."]) == {
        tmp_path.name: str(tmp_path)
    }
    assert label_roots(["/"]) == {"root": "/"}


def test_a_file_has_the_source_of_a_scan_of_its_folder(tmp_path: Path) -> None:
    paths = put(tmp_path, "b/t1.nii.gz", "a/t1.nii.gz", "a/t2.nii.gz", "c/a\tb")
    sources = ["b/t1.nii.gz", "a/t1.nii.gz", "a/t2.nii.gz", "c/a\\x09b"]
    assert label_roots(paths) == dict(zip(sources, paths, strict=True))


def test_the_order_of_a_list_changes_no_source(tmp_path: Path) -> None:
    names = [f"{site}/{folder}/t1" for site in "xyz" for folder in ("t", "t-2")]
    (tmp_path / "x").mkdir()
    (tmp_path / "0-link").symlink_to(tmp_path / "x" / "t" / "t1")
    paths = [*put(tmp_path, *names), str(tmp_path / "0-link")]
    labels = ("t", "t-2", "t-3", "t-2-2", "t-4", "t-2-3")
    expected = dict(zip((f"{label}/t1" for label in labels), paths, strict=False))
    for seed in range(5):
        mixed = random.Random(seed).sample(paths, len(paths))
        assert label_roots(mixed) == expected


def test_a_link_to_a_file_counts_like_a_file(tmp_path: Path) -> None:
    path, _ = put(tmp_path, "y/a/t1", "x/target")
    link = tmp_path / "x" / "a"
    link.mkdir()
    (link / "t2").symlink_to(tmp_path / "x" / "target")
    assert label_roots([path, str(link / "t2")]) == {"a/t2": str(link / "t2"), "a-2/t1": path}


def test_a_file_that_is_listed_twice_is_walked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = put(tmp_path, "a/t1")
    monkeypatch.chdir(tmp_path / "a")
    assert label_roots(["t1", path, "../a/t1"]).keys() == {"a/t1"}


def test_a_file_belongs_to_its_folder_if_that_is_listed_too(tmp_path: Path) -> None:
    inside, beside = put(tmp_path, "x/a/deep/t1", "y/a/t1")
    folder = str(tmp_path / "x" / "a")
    for paths in ([beside, inside, folder], [folder, inside, beside]):
        assert label_roots(paths) == {"a": folder, "a-2/t1": beside}


def test_files_of_a_bids_dataset_have_the_sources_of_the_dataset(tmp_path: Path) -> None:
    names = ["ds/sub-01/ses-1/anat/sub-01_ses-1_T1w.nii", "ds/sub-02/anat/sub-02_T1w.nii"]
    paths = put(tmp_path, *names, "sub-x/p1/t1.nii", "sub-x/p2/sub-01_T1w.nii")
    sources = [*names, "p1/t1.nii", "p2/sub-01_T1w.nii"]
    assert label_roots(paths) == dict(zip(sources, paths, strict=True))


def test_known_folders_keep_their_labels(tmp_path: Path) -> None:
    first, *new, last = put(tmp_path, "0/a/t1", "1/a/t1", "2/a/t1", "3/a/t1")
    known = labels_around(label_roots([last, new[1]]))
    assert known == {str(tmp_path / "2/a"): "a", str(tmp_path / "3/a"): "a-2"}
    expected = {"a/t1": new[1], "a-2/t1": last, "a-3/t1": first, "a-4/t1": new[0]}
    assert label_roots([first, last, *new], known=known) == expected
    # The label of a known folder is free only when that folder is gone.
    assert label_roots([first], known=known) == {"a-3/t1": first}
    for path in (new[1], last):
        Path(path).unlink()
        Path(path).parent.rmdir()
    assert label_roots([first], known=known) == {"a/t1": first}


def test_a_label_is_chosen_for_a_file_or_for_the_folder_around_it(tmp_path: Path) -> None:
    one, two, three = put(tmp_path, "0/a/t1", "1/a/t1", "2/a/t1")
    named = {"a": str(tmp_path / "1/a"), "head": three}
    known = {str(tmp_path / "0/a"): "a", str(tmp_path / "1/a"): "b"}
    assert label_roots([one, two, three], named) == {"a-2/t1": one, "a/t1": two, "head": three}
    assert label_roots([one, two], named, known) == {"a-2/t1": one, "a/t1": two}


def test_labels_around_contains_no_folder_that_is_a_root(tmp_path: Path) -> None:
    (path,) = put(tmp_path, "x/a/t1")
    assert labels_around(label_roots([str(tmp_path / "x")])) == {}
    assert labels_around({"head": path}) == {}
