"""Scans of files that are given as PATHs: their sources do not depend on the list."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from batchmri.errors import ArchiveError, UsageError
from batchmri.pipeline.commands.dry_run import dry_run
from batchmri.pipeline.commands.explain import explain
from batchmri.pipeline.commands.merge import merge
from batchmri.pipeline.run.inputs import find_roots
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from batchmri.state.store import Store
from tests.pipeline.builders import changed, head, write_series
from tests.pipeline.outputs import contents, table


def write_volume(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    volume = np.stack([head(seed=seed + i) for i in range(6)], axis=-1).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([-3, -3, 15, 1])), path)
    return path


@pytest.fixture
def volumes(tmp_path: Path) -> list[Path]:
    """Files of the same name: two in folders of different names, one in a folder of the same."""
    names = ("1/a/t1.nii.gz", "1/b/t1.nii.gz", "2/a/t1.nii.gz")
    return [write_volume(tmp_path / name, 10 * i) for i, name in enumerate(names)]


def uids(out: Path) -> dict[str, str]:
    return {row["source"]: row["study_uid"] for row in table(out, "studies")}


def test_the_order_of_a_list_does_not_matter(
    volumes: list[Path], tmp_path: Path, settings: Settings
) -> None:
    outs = [tmp_path / "out", tmp_path / "reversed"]
    for out, paths in zip(outs, (volumes, volumes[::-1]), strict=True):
        scan([*paths, paths[0]], out=out, settings=settings)
    assert uids(outs[0]).keys() == {"a/t1.nii.gz", "b/t1.nii.gz", "a-2/t1.nii.gz"}
    assert contents(outs[0]) == contents(outs[1])
    scan(volumes[::-1], out=outs[0], settings=settings)
    assert contents(outs[0]) == contents(outs[1])
    (line,) = (line for line in explain(outs[0], str(volumes[2])) if line.startswith("file "))
    assert line == "file a-2/t1.nii.gz"


def test_a_further_file_changes_nothing_for_the_others(
    volumes: list[Path], tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    scan(volumes, out=out, settings=settings)
    before = uids(out)
    new = write_volume(tmp_path / "0/a/t1.nii.gz", 50)
    planned = dry_run([new, *volumes], out=out, settings=settings)
    assert (planned.series["decision", "classify"], planned.series["decision", "done"]) == (1, 3)
    scan([new, *volumes], out=out, settings=settings)
    (change,) = table(out, "changes")
    assert (change["source"], change["change"]) == ("a-3/t1.nii.gz", "new")
    assert uids(out) == before | {"a-3/t1.nii.gz": change["study_uid"]}


def test_a_list_gives_the_studies_of_a_scan_of_the_folder(
    tmp_path: Path, settings: Settings
) -> None:
    files = write_series(tmp_path / "p1")
    write_volume(tmp_path / "p1" / "t1.nii", 0)
    write_volume(tmp_path / "p1" / "t2.nii", 6)
    by_folder = changed(settings, "archive", nifti_study="folder")
    listed, folder = tmp_path / "listed", tmp_path / "folder"
    scan(
        [*files, tmp_path / "p1" / "t1.nii", tmp_path / "p1" / "t2.nii"],
        out=listed,
        settings=by_folder,
    )
    scan([tmp_path / "p1"], out=folder, settings=by_folder)
    assert contents(listed) == contents(folder)
    assert {row["source"] for row in table(listed, "studies")} == {"p1"}


def test_a_known_file_that_is_missing_stops_the_scan(
    volumes: list[Path], tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    scan(volumes, out=out, settings=settings)
    before = contents(out)
    volumes[1].unlink()
    with pytest.raises(ArchiveError, match=r"b/t1.nii.gz: was scanned before, but does not exist"):
        scan(volumes, out=out, settings=settings)
    assert contents(out) == before


def test_a_merged_output_keeps_the_labels_of_its_files(
    volumes: list[Path], tmp_path: Path, settings: Settings
) -> None:
    outs = [tmp_path / "one", tmp_path / "two"]
    scan(volumes[1:2], out=outs[0], settings=settings)
    scan([volumes[2], volumes[0]], out=outs[1], settings=settings)
    merge(outs, out=tmp_path / "merged")
    before = uids(tmp_path / "merged")
    with Store(tmp_path / "merged" / "state.db") as store:
        known = store.folder_labels()
    labels = ("a", "b", "a-2")
    assert known == {str(v.parent): label for v, label in zip(volumes, labels, strict=True)}
    new = write_volume(tmp_path / "0/a/t1.nii.gz", 50)
    scan([new, *volumes], out=tmp_path / "merged", settings=settings)
    assert uids(tmp_path / "merged").items() > before.items()


def test_a_folder_around_a_listed_file_can_be_labeled(volumes: list[Path]) -> None:
    labels = {"site": str(volumes[2].parent)}
    roots = find_roots(volumes, labels=labels)
    assert list(roots) == ["a/t1.nii.gz", "b/t1.nii.gz", "site/t1.nii.gz"]
    with pytest.raises(UsageError, match=r"root label site=.*: not one of the scanned PATHs"):
        find_roots(volumes[:2], labels=labels)
