import json
import os
from pathlib import Path

import pytest

from batchmri.errors import OutputError
from batchmri.outputs.atomic_write import NewFiles, write_atomic, write_json


def test_content_is_synced_before_the_rename_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        name = Path(f"/proc/self/fd/{handle}").readlink()
        steps.append("sync folder" if name.is_dir() else f"sync {name.name}")
        sync(handle)

    def rename(self: Path, target: Path) -> Path:
        steps.append(f"rename to {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    write_atomic(tmp_path / "a", b"1")
    assert steps == ["sync .a.tmp", "rename to a", "sync folder"]


def test_a_failed_rename_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomic(tmp_path / "a", b"old")

    def broken(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OutputError, match="No space left"):
        write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_files_of_a_group_are_all_synced_before_the_first_replaces_an_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    monkeypatch.setattr(NewFiles, "_GROUP", 2)
    monkeypatch.setattr(
        os, "fsync", lambda handle: steps.append(Path(f"/proc/self/fd/{handle}").readlink().name)
    )
    (tmp_path / "a").write_bytes(b"old")
    with NewFiles() as files:
        files.write(tmp_path / "a", b"1")
        assert (tmp_path / "a").read_bytes() == b"old"
        files.write(tmp_path / "b", b"2")
        assert steps == [".a.tmp", ".b.tmp", tmp_path.name]
        files.write(tmp_path / "c", b"3")
        assert not (tmp_path / "c").exists()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a": b"1",
        "b": b"2",
        "c": b"3",
    }


def test_after_an_error_the_last_group_keeps_its_old_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), NewFiles() as files:
        files.write(tmp_path / "a", b"1")
        raise ZeroDivisionError
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"mine")
    (tmp_path / ".a.tmp").symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError):
        write_atomic(tmp_path / "a", b"1")
    assert (tmp_path / "victim").read_bytes() == b"mine"


def test_json(tmp_path: Path) -> None:
    assert write_json(tmp_path / "a.json", {"b": "ü", "a": 1})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": "ü", "a": 1}
    assert not write_json(tmp_path / "a.json", {"b": "ü", "a": 1})
