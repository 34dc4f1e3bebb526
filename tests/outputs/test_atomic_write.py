import json
import os
from pathlib import Path

import pytest

from batchmri.errors import OutputError
from batchmri.outputs.atomic_write import write_atomic, write_json


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
