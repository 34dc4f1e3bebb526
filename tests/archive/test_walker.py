import errno
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from batchmri.archive.root_labels import label_roots
from batchmri.archive.walker import MountPoints, walk
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote, Unreachable


def _walk(*roots: Path, exclude: tuple[str, ...] = (), not_below: tuple[str, ...] = ()):
    return list(walk(label_roots([str(root) for root in roots]), exclude, not_below))


def _sources(items: list[FileEntry | FileNote]) -> list[str]:
    return sorted(item.source for item in items)


def _put(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")


def test_every_file_once_with_size_and_time(tmp_path: Path) -> None:
    _put(tmp_path / "r", "a", "b/c", "b/d/e.dcm")
    found = _walk(tmp_path / "r")
    assert _sources(found) == ["r/a", "r/b/c", "r/b/d/e.dcm"]
    for item in found:
        assert isinstance(item, FileEntry)
        status = Path(item.path).stat()
        assert (item.size, item.mtime_ns) == (status.st_size, status.st_mtime_ns)


@pytest.mark.parametrize(
    ("time_ns", "kept"),
    [
        (2**63 - 1, 2**63 - 1),
        (2**63, 2**63 - 1),
        (10**22, 2**63 - 1),
        (-(2**63), -(2**63)),
        (-(2**63) - 1, -(2**63)),
    ],
)
def test_times_are_clamped_to_64_bits(time_ns: int, kept: int) -> None:
    status = SimpleNamespace(st_size=7, st_mtime_ns=time_ns)
    entry = FileEntry.of("r/a", "/x/a", cast("os.stat_result", status))
    assert entry == FileEntry("r/a", "/x/a", 7, kept)


def test_links_are_noted_and_never_followed(tmp_path: Path) -> None:
    _put(tmp_path, "outside/secret", "r/real/file")
    (tmp_path / "r/loop").symlink_to(tmp_path / "r", target_is_directory=True)
    (tmp_path / "r/real/up").symlink_to("..", target_is_directory=True)
    (tmp_path / "r/out").symlink_to(tmp_path / "outside", target_is_directory=True)
    (tmp_path / "r/file").symlink_to(tmp_path / "outside/secret")
    (tmp_path / "r/dangling").symlink_to("nowhere")
    found = _walk(tmp_path / "r")
    notes = [item for item in found if isinstance(item, FileNote)]
    assert _sources(found) == [
        "r/dangling",
        "r/file",
        "r/loop",
        "r/out",
        "r/real/file",
        "r/real/up",
    ]
    assert len(notes) == 5
    assert {note.reason for note in notes} == {Reason.NOT_AN_IMAGE}


def test_links_that_lead_outside_are_followed_on_request(tmp_path: Path) -> None:
    _put(tmp_path, "outside/a", "outside/deep/b", "r/real/file")
    (tmp_path / "outside/back").symlink_to(tmp_path / "outside", target_is_directory=True)
    (tmp_path / "outside/home").symlink_to(tmp_path / "r", target_is_directory=True)
    (tmp_path / "r/out").symlink_to(tmp_path / "outside", target_is_directory=True)
    (tmp_path / "r/again").symlink_to(tmp_path / "outside", target_is_directory=True)
    (tmp_path / "r/up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "r/inside").symlink_to(tmp_path / "r/real/file")
    (tmp_path / "r/dangling").symlink_to("nowhere")
    (tmp_path / "r/self").symlink_to("self")
    found = list(walk({"r": str(tmp_path / "r")}, (), (), follow_links=True))
    files = sorted(Path(item.path).name for item in found if isinstance(item, FileEntry))
    assert files == ["a", "b", "file"]
    assert len(found) == len({item.source for item in found})


def _annexed(root: Path, name: str, key: str = "") -> None:
    """Create a file like git-annex: content below .git, and a relative link to it as its name."""
    key = key or f"MD5E-s7--{name.replace('/', '_')}"
    objects = root / ".git/annex/objects/a0/f1" / key
    _put(objects, key)
    os.utime(objects / key, ns=(10**18, 10**18))
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    up = "../" * name.count("/")
    (root / name).symlink_to(f"{up}{(objects / key).relative_to(root)}")


def test_files_of_git_annex_have_the_names_of_their_links(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    _annexed(root, "sub-01/anat/sub-01_T1w.nii.gz")
    _annexed(root, "README")
    _put(root, "CHANGES", ".git/HEAD", ".datalad/config", "sub-02/.git/index", "sub-03/file")
    (root / "sub-03/.git").write_text("gitdir: ../.git/modules/sub-03")
    found = _walk(root)
    assert _sources(found) == ["ds/CHANGES", "ds/README", "ds/sub-01/anat/sub-01_T1w.nii.gz",
                               "ds/sub-03/file"]  # fmt: skip
    for item in found:
        assert isinstance(item, FileEntry) and Path(item.path).name == item.source.split("/")[-1]
        if item.source != "ds/CHANGES" and "sub-03" not in item.source:
            assert (item.size, item.mtime_ns) == (len(b"content"), 10**18)


def test_a_subdataset_whose_git_folder_is_a_link(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    _annexed(root / "inputs", "sub-01_T1w.nii.gz")
    (root / ".git/modules").mkdir(parents=True)
    (root / "inputs/.git").rename(root / ".git/modules/inputs")
    (root / "inputs/.git").symlink_to("../.git/modules/inputs")
    (found,) = _walk(root)
    assert isinstance(found, FileEntry) and found.source == "ds/inputs/sub-01_T1w.nii.gz"


def test_content_shared_by_two_links_is_read_under_both_names(tmp_path: Path) -> None:
    for name in ("sub-01_T1w.nii", "sub-02_T1w.nii"):
        _annexed(tmp_path / "ds", name, "MD5E-s7--same")
    assert all(isinstance(item, FileEntry) for item in _walk(tmp_path / "ds"))
    assert _sources(_walk(tmp_path / "ds")) == ["ds/sub-01_T1w.nii", "ds/sub-02_T1w.nii"]


@pytest.mark.parametrize("follow_links", [False, True])
def test_broken_links_are_not_failures(tmp_path: Path, follow_links: bool) -> None:
    root = tmp_path / "ds"
    _put(root, "file")
    targets = {
        "a": ".git/annex/objects/a0/f1/key/key",
        "b": "nowhere",
        "c": "c",
        "d": "e",
        "e": "d",
        "f": "file/below",
    }
    for name, target in targets.items():
        (root / name).symlink_to(target)
    notes = {
        item.source.removeprefix("ds/"): (item.reason, item.detail)
        for item in walk({"ds": str(root)}, (), (), follow_links)
        if isinstance(item, FileNote)
    }
    assert notes.pop("a") == (
        Reason.NOT_AN_IMAGE,
        "symbolic link to content that git-annex or DataLad has not fetched",
    )
    assert all(
        isinstance(item, Unreachable | FileEntry)
        for item in walk({"ds": str(root)}, (), (), follow_links)
    )
    assert notes == dict.fromkeys(
        "bcdef", (Reason.NOT_AN_IMAGE, "symbolic link whose target does not exist")
    )


def test_a_link_into_the_store_of_another_root_or_to_a_folder_of_it(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    _annexed(root, "sub-01/scan")
    (root / "objects").symlink_to(".git/annex/objects")
    (root / "again").symlink_to("sub-01/scan")
    details = {item.source: getattr(item, "detail", None) for item in _walk(root)}
    inside = "symbolic link to a file or folder of the same archive, not followed"
    assert details == {"ds/sub-01/scan": None, "ds/objects": inside, "ds/again": inside}
    (below,) = _walk(root / "sub-01")
    assert isinstance(below, FileNote), "its content is outside of that root"
    assert below.detail == "symbolic link that leads outside, not followed"
    (read,) = walk({"sub-01": str(root / "sub-01")}, (), (), follow_links=True)
    assert isinstance(read, FileEntry) and read.source == "sub-01/scan"
    (alone,) = _walk(root / "sub-01/scan")
    assert isinstance(alone, FileEntry) and alone.source == "sub-01/scan"


def test_pipes_sockets_and_devices_are_noted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        details = {item.source: item.detail for item in _walk(tmp_path)}
    assert details == {f"{tmp_path.name}/pipe": "named pipe", f"{tmp_path.name}/socket": "socket"}


def test_names_that_are_not_utf8_or_hostile(tmp_path: Path) -> None:
    for name in (b"caf\xe9.dcm", b"new\nline", b"esc\x1b[2J", b"back\\slash"):
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).write_bytes(b"x")
    found = _walk(tmp_path)
    assert _sources(found) == [
        f"{tmp_path.name}/{name}"
        for name in (r"back\x5cslash", r"caf\xe9.dcm", r"esc\x1b[2J", r"new\x0aline")
    ]
    assert all(isinstance(item, FileEntry) and Path(item.path).is_file() for item in found)


def test_output_folder_is_skipped(tmp_path: Path) -> None:
    _put(tmp_path, "a", "out/b", "out/deep/c")
    assert _sources(_walk(tmp_path, not_below=(str(tmp_path / "out"),))) == [f"{tmp_path.name}/a"]
    assert _walk(tmp_path / "out", not_below=(str(tmp_path / "out"),)) == []


def test_exclude_prunes_folders_and_files(tmp_path: Path) -> None:
    _put(tmp_path / "r", "keep.dcm", "note.json", "old/x.dcm", "sub/old/y.dcm", "sub/z.dcm")
    assert _sources(_walk(tmp_path / "r", exclude=("*.json", "old"))) == [
        "r/keep.dcm",
        "r/sub/z.dcm",
    ]
    assert "r/old/x.dcm" in _sources(_walk(tmp_path / "r", exclude=("sub/*",)))


def test_folders_deeper_than_the_open_file_limit(tmp_path: Path) -> None:
    path = tmp_path / "r"
    for _ in range(300):
        path /= "d"
    path.mkdir(parents=True)
    (path / "file").write_bytes(b"x")
    assert len(_walk(tmp_path / "r")) == 1
    shutil.rmtree(tmp_path / "r")


def test_a_root_that_is_a_file_or_missing(tmp_path: Path) -> None:
    _put(tmp_path, "a/one.dcm")
    (found,) = _walk(tmp_path / "a/one.dcm")
    assert isinstance(found, FileEntry) and found.source == "a/one.dcm"
    (note,) = _walk(tmp_path / "nowhere")
    assert isinstance(note, FileNote) and note.reason is Reason.IO_ERROR


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can access; pytest's own folders are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def another_user() -> Iterator[None]:
    """Become the user nobody temporarily: root can read everything."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become another user")
def test_unreadable_folder_is_noted_and_the_rest_walked(open_folder: Path) -> None:
    _put(open_folder / "r", "open/a", "closed/b", "z")
    (open_folder / "r/closed").chmod(0o700)
    with another_user():
        found = _walk(open_folder / "r")
    assert _sources(found) == ["r/closed", "r/open/a", "r/z"]
    (note,) = [item for item in found if isinstance(item, FileNote)]
    assert (note.source, note.reason) == ("r/closed", Reason.IO_ERROR)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become another user")
def test_a_folder_that_cannot_be_searched_is_one_note(open_folder: Path) -> None:
    _put(open_folder / "r", "listed/a", "listed/b", "z")
    (open_folder / "r/listed").chmod(0o744)
    with another_user():
        found = _walk(open_folder / "r")
    assert _sources(found) == ["r/listed", "r/z"]
    assert [item for item in found if isinstance(item, FileNote)] == [
        Unreachable("r/listed", Reason.IO_ERROR, "Permission denied")
    ]


def test_a_listing_that_breaks_off_is_noted_and_its_first_files_are_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(tmp_path / "r", "a", "lost/1", "lost/2")
    real = os.scandir

    @contextmanager
    def listed(path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
        def entries() -> Iterator[os.DirEntry[str]]:
            yield sorted(found, key=lambda entry: entry.name)[0]
            if path.endswith("/lost"):
                raise OSError(errno.ESTALE, "Stale file handle")
            yield from sorted(found, key=lambda entry: entry.name)[1:]

        with real(path) as found:
            found = list(found)
            yield entries()

    monkeypatch.setattr("batchmri.archive.walker.os.scandir", listed)
    found = _walk(tmp_path / "r")
    assert _sources(found) == ["r/a", "r/lost", "r/lost/1"]
    assert Unreachable("r/lost", Reason.IO_ERROR, "Stale file handle") in found


@pytest.mark.parametrize("name", ["a", "b"])
def test_what_is_deleted_during_the_walk_is_not_noted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(tmp_path / "r", "a", "b/c", "d")
    functions = {"a": "lstat", "b": "scandir"}
    real = getattr(os, functions[name])

    def gone(path: str) -> object:
        if path.endswith(f"/{name}"):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return real(path)

    monkeypatch.setattr(f"batchmri.archive.walker.os.{functions[name]}", gone)
    expected = {"a": ["r/b/c", "r/d"], "b": ["r/a", "r/d"]}
    assert _sources(_walk(tmp_path / "r")) == expected[name]


def test_an_entry_that_cannot_be_looked_up_is_noted_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(tmp_path / "r", "a", "b")
    real = os.lstat

    def failing(path: str) -> os.stat_result:
        if path.endswith("/a"):
            raise OSError(errno.EIO, "Input/output error")
        return real(path)

    monkeypatch.setattr("batchmri.archive.walker.os.lstat", failing)
    note, entry = _walk(tmp_path / "r")
    assert note == Unreachable("r/a", Reason.IO_ERROR, "Input/output error")
    assert isinstance(entry, FileEntry)


@pytest.mark.parametrize("state", ["mounted", "is empty", "does not exist", "copied", "excluded"])
def test_known_mount_points_that_are_not_mounted_are_noted(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(tmp_path / "r", "a", "disk ü/1")
    disk, real = tmp_path / "r/disk ü", os.lstat
    if state in ("is empty", "does not exist"):
        (disk / "1").unlink()
    if state == "does not exist":
        disk.rmdir()

    def looked_up(path: str) -> object:
        found = real(path)
        on_disk = state == "mounted" and path == str(disk)
        return SimpleNamespace(
            st_mode=found.st_mode,
            st_dev=found.st_dev + on_disk,
            st_ino=found.st_ino,
            st_size=found.st_size,
            st_mtime_ns=found.st_mtime_ns,
        )

    monkeypatch.setattr("batchmri.archive.walker.os.lstat", looked_up)
    known = frozenset() if state == "mounted" else frozenset(("r/disk ü", "other/disk"))
    mounts = MountPoints(known)
    exclude = ("disk*",) if state == "excluded" else ()
    notes = [
        item
        for item in walk({"r": str(tmp_path / "r")}, exclude, (), mounts=mounts)
        if isinstance(item, FileNote)
    ]
    if state in ("is empty", "does not exist"):
        detail = f"a mount point that {state} (not mounted?)"
        assert notes == [Unreachable("r/disk ü", Reason.IO_ERROR, detail)]
    else:
        assert notes == []
    assert mounts.found == (set() if state in ("copied", "excluded") else {"r/disk ü"})


@pytest.mark.parametrize("mounted", [True, False])
def test_a_link_to_a_disk_that_is_not_mounted_is_noted(
    mounted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    _put(tmp_path / "r", "a")
    (tmp_path / "r/link").symlink_to(disk)
    known = MountPoints(frozenset(["r/link"]))
    monkeypatch.setattr("os.path.ismount", lambda path: mounted and path == str(disk))
    walked = list(walk({"r": str(tmp_path / "r")}, (), (), follow_links=True, mounts=known))
    detail = "a mount point that is empty (not mounted?)"
    notes = [] if mounted else [Unreachable("r/link", Reason.IO_ERROR, detail)]
    assert [item for item in walked if isinstance(item, FileNote)] == notes
    assert known.found == {"r/link"}


def test_paths_to_open_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(tmp_path, "here/r/a", "elsewhere/real/b", "elsewhere/sibling/c")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere" / "real")
    monkeypatch.chdir(tmp_path / "here" / "r")
    found = list(walk({"r": ".", "up": "../r", "sibling": "../link/../sibling"}, (), ()))
    paths = {item.source: item.path for item in found if isinstance(item, FileEntry)}
    assert paths["r/a"] == paths["up/a"] == str(tmp_path / "here" / "r" / "a")
    assert Path(paths["sibling/c"]).is_absolute()
    assert Path(paths["sibling/c"]).read_bytes() == b"content"
