"""PATH arguments: lists, labels, folders without images, and outputs inside scanned folders."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest

from batchmri.errors import ArchiveError, UsageError
from batchmri.pipeline.commands.dry_run import dry_run
from batchmri.pipeline.run.inputs import find_roots
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed, head, write_series
from tests.pipeline.outputs import contents, table


def from_stdin(content: bytes, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    return list(find_roots(["-"]).values())


@pytest.mark.parametrize(
    "content",
    [
        b"a\nb c\n",
        b"a\r\nb c\r\n",
        b"\xef\xbb\xbfa\r\nb c",
        b"a\0b c\0",
        b"\n\na\n\nb c\n",
        "a\r\nb c\r\n".encode("utf-16"),
    ],
)
def test_lists_of_any_system_are_read(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b c"):
        (tmp_path / name).mkdir()
    assert from_stdin(content, monkeypatch) == ["a", "b c"]


def test_a_listed_name_that_is_not_utf_8_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bytes(tmp_path) + b"/h\xe4nde"
    Path(path.decode(errors="surrogateescape")).mkdir()
    assert len(from_stdin(path + b"\n", monkeypatch)) == 1


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([""], "an empty PATH"),
        ([" "], "an empty PATH"),
        (["a\r"], r"'a\\r': no such file"),
        ([], "no PATH given"),
    ],
)
def test_input_without_a_path_is_refused(paths: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_roots(paths)


def test_an_empty_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="standard input names no PATH"):
        from_stdin(b"\n", monkeypatch)


def test_labels_replace_folder_names(tmp_path: Path) -> None:
    one, two = tmp_path / "x" / "mri", tmp_path / "y" / "mri"
    one.mkdir(parents=True)
    two.mkdir(parents=True)
    labels = {"mri": str(two)}
    assert find_roots([one, two], labels=labels) == {"mri-2": str(one), "mri": str(two)}
    (tmp_path / "link").symlink_to(two)
    linked = {"site": str(tmp_path / "link")}
    assert find_roots([two], labels=linked) == {"site": str(two)}
    with pytest.raises(UsageError, match=r"root label site=.*: not one of the scanned PATHs"):
        find_roots([one], labels=linked)


def write_volume(path: Path) -> None:
    path.parent.mkdir(parents=True)
    volume = np.stack([head(seed=i) for i in range(6)], axis=-1).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([1, 1, 5, 1])), path)


def test_a_labeled_root_may_be_renamed(tmp_path: Path, settings: Settings) -> None:
    write_volume(tmp_path / "old" / "head_T1w.nii")
    out = tmp_path / "out"

    def scanned(folder: str, label: str | None) -> tuple[str, str]:
        labels = {label: str(tmp_path / folder)} if label else {}
        labeled = changed(settings, "archive", root_labels=labels)
        scan([tmp_path / folder], out=out, settings=labeled)
        (row,) = table(out, "studies")
        return row["source"], row["study_uid"]

    before = scanned("old", "site")
    assert before[0] == "site/head_T1w.nii"
    (tmp_path / "old").rename(tmp_path / "new")
    assert scanned("new", "site") == before
    assert [row["change"] for row in table(out, "changes")] == ["new"], "none is gone"


def files(*names: str, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"\xff\xd8\xff\xe0 no image of ours")
    return folder


def test_images_in_a_format_that_is_not_read_are_listed(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "head").write_bytes(b"NRRD0004\n# a volume")
    out = tmp_path / "out"
    assert scan([tmp_path / "archive"], out=out, settings=settings).exit_code == 0
    (row,) = table(out, "files")
    assert (row["reason"], row["detail"]) == ("unsupported_format", "NRRD")


def test_a_path_without_an_image_is_refused_and_the_output_stays_usable(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    out, archive = tmp_path / "out", tmp_path / "archive"
    write_series(archive)
    empty = files(folder=tmp_path / "empty")
    text = files("note.txt", folder=tmp_path / "text")
    pictures = files("1.jpg", "2.JPEG", "3.png", folder=tmp_path / "pictures")
    for paths, found in (
        ([empty], r"empty: no DICOM or NIfTI image found \(the folder is empty\)"),
        ([text], r"text: no DICOM or NIfTI image found \(1 file\)"),
        ([text / "note.txt"], r"note.txt: no DICOM or NIfTI image found"),
        ([pictures], r"3 files, 3 of them pictures .*batchmri evaluate"),
        ([archive, empty], "empty: no DICOM or NIfTI image found"),
        ([empty, text], "nor in 1 other PATHs"),
    ):
        with pytest.raises(UsageError, match=found):
            scan(paths, out=out, settings=settings)
        with pytest.raises(UsageError, match=found):
            dry_run(paths, settings=settings)
    assert not (out / "studies.csv").exists()
    assert scan([archive, text / "note.txt"], out=out, settings=settings).exit_code == 0
    # A known root is accepted even if it has no image any more.
    files("note.txt", folder=archive)
    assert scan([archive, text / "note.txt"], out=out, settings=settings).exit_code == 0
    for path in archive.glob("series-*"):
        path.unlink()
    (archive / "note.txt").unlink()
    with pytest.raises(ArchiveError):
        scan([archive, text / "note.txt"], out=out, settings=settings)


def test_an_output_that_contains_the_archive_is_refused(tmp_path: Path, settings: Settings) -> None:
    archive = tmp_path / "archive"
    write_series(archive / "a")
    (tmp_path / "link").symlink_to(archive)
    for out in (archive, tmp_path, tmp_path / "link", archive / "a" / ".."):
        with pytest.raises(UsageError, match=r"--out .*: contains the scanned PATH"):
            scan([archive], out=out, settings=settings)
        with pytest.raises(UsageError, match=r"--out .*: contains the scanned PATH"):
            dry_run([archive / "a"], out=out, settings=settings)
    assert [path.name for path in archive.iterdir()] == ["a"]


def test_state_and_metrics_are_not_written_into_the_archive(
    tmp_path: Path, settings: Settings
) -> None:
    from batchmri.pipeline.run.scan_options import ScanOptions

    archive = tmp_path / "archive"
    write_series(archive)
    before = sorted(archive.iterdir())
    with pytest.raises(UsageError, match=r"--state .*: is inside the scanned PATH"):
        options = ScanOptions(state=archive / "state")
        scan([archive], out=tmp_path / "out", settings=settings, options=options)
    inside = changed(settings, "schedule", metrics_file=archive / "m.prom")
    with pytest.raises(UsageError, match=r"--metrics-file .*: is inside the scanned PATH"):
        scan([archive], out=tmp_path / "out", settings=inside)
    assert sorted(archive.iterdir()) == before


def test_an_output_inside_the_archive_is_left_out_of_the_scan_with_a_warning(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "archive"
    write_series(archive / "a")
    out = archive / "out"
    scan([archive], out=out, settings=settings)
    warnings = [line for line in capsys.readouterr().err.splitlines() if "--out is inside" in line]
    assert len(warnings) == 1 and str(out) in warnings[0]
    before = contents(out)
    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert "--out is inside" not in capsys.readouterr().err, "only said once"
    assert contents(out) == before and not table(out, "files")
    scan([archive], out=tmp_path / "other", settings=settings)
    assert {row["status"] for row in table(tmp_path / "other", "files")} == {"skipped"}
    assert len(table(tmp_path / "other", "series")) == 1, "results of another output are no images"
