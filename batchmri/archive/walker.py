"""Walk folders and yield a FileEntry per regular file, and a FileNote for anything else.

Files are yielded in the order of their `source`, except for files and folders that cannot be read.
The walk has the names of one folder per level in memory, which does not grow with the archive.

Version control folders (`.git` and others, see links.py) are skipped. A symbolic link to a file in
such a folder of the same root, as git-annex and DataLad create them, is read under the name of the
link. Other links are not followed: their target is either walked under its own name or outside the
roots. Optionally, links that lead outside are followed, each target once.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from batchmri.archive.root_labels import absolute
from batchmri.identifiers import escape, unescape
from batchmri.links import STORES, contains, is_in_store
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote, Unreachable

_OUTSIDE = "symbolic link that leads outside, not followed"
_INSIDE = "symbolic link to a file or folder of the same archive, not followed"
_REPEATED = "symbolic link to the target of another link, not followed"
_BROKEN = "symbolic link whose target does not exist"
_NOT_FETCHED = "symbolic link to content that git-annex or DataLad has not fetched"
_BROKEN_LINK_ERRNOS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_SPECIAL = {
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device file",
    stat.S_IFBLK: "device file",
}


@dataclass(slots=True)
class MountPoints:
    """The `source` of each folder that is on another device than its parent, and of links to such.

    `known` are those of the last walk. `found` are those of this walk, and known ones that are not
    mounted now: below these, files are not gone.
    """

    known: frozenset[str] = frozenset()
    found: set[str] = field(default_factory=set)


class _Folder(NamedTuple):
    """A folder; its source and paths end with a slash, `below` (the root) may also be empty.

    `names` yields the escaped name of each entry, with a slash if it is a folder, and its name.
    """

    source: str
    below: str
    path: str
    device: int
    names: Iterator[tuple[str, str]]


def walk(
    roots: Mapping[str, str],
    exclude: Sequence[str],
    not_below: Sequence[str],
    follow_links: bool = False,
    mounts: MountPoints | None = None,
) -> Iterator[FileEntry | FileNote]:
    """Yield every file below the roots (label → path), mostly in the order of `source`.

    `exclude` contains globs for paths below a root and for names; a folder that matches is skipped
    with all its files. `not_below` lists folders to skip, such as the output. Links that are not
    followed, pipes, sockets and devices yield a note and are never opened. A folder that cannot be
    read completely, and a link whose target does not exist, yield Unreachable. `FileEntry.path` is
    absolute, because other commands read the files from other working directories. A known mount
    point that is empty or does not exist is Unreachable too; `mounts.found` is filled.
    """
    walker = _Walker(roots, exclude, not_below, follow_links, mounts or MountPoints())
    for label, given in sorted(roots.items(), key=_first_source):
        path = absolute(given)
        try:
            status = Path(path).stat()
        except OSError as error:
            yield _unreadable(label, error)
            continue
        if not stat.S_ISDIR(status.st_mode):
            yield _entry(label, path, status)
        elif _identity(status) not in walker.left_alone:
            yield from walker.below(label, path, status.st_dev)
        yield from walker.missing_mounts(label, path)


def _first_source(root: tuple[str, str]) -> str:
    """The `source` of a file, whose label contains a slash, or of a folder with a slash."""
    label, _ = root
    return label if "/" in label else label + "/"


class _Walker:
    """The options of one walk, and the link targets that it already followed."""

    def __init__(
        self,
        roots: Mapping[str, str],
        exclude: Sequence[str],
        not_below: Sequence[str],
        follow_links: bool,
        mounts: MountPoints,
    ) -> None:
        folders = [path for path in not_below if Path(path).is_dir()]
        self.left_alone = {_identity(Path(path).stat()) for path in folders}
        self._exclude = exclude
        self._follow_links = follow_links
        self._roots = [os.path.realpath(path) for path in roots.values()]
        self._followed: set[tuple[int, int]] = set()
        self._mounts = mounts

    def below(self, label: str, path: str, device: int) -> Iterator[FileEntry | FileNote]:
        """Yield every file of one root."""
        stack: list[_Folder] = []
        yield from self._push(stack, label, "", path, device)
        while stack:
            folder = stack[-1]
            folder_source, below, folder_path = folder.source, folder.below, folder.path
            for key, name in folder.names:
                if name in STORES or (self._exclude and self._excluded(below + name, name)):
                    continue
                source = folder_source + (key if key[-1] != "/" else key[:-1])
                path = folder_path + name
                try:
                    status = os.lstat(path)
                except FileNotFoundError:  # deleted since the folder was listed
                    continue
                except OSError as error:
                    if os.access(folder.path, os.X_OK, effective_ids=True):
                        yield _unreadable(source, error)
                        continue
                    yield _unreadable(folder.source.removesuffix("/"), error)
                    stack.pop()  # the same error applies to all its entries
                    break
                try:
                    kind = stat.S_IFMT(status.st_mode)
                    if kind == stat.S_IFREG:
                        yield FileEntry.of(source, path, status)
                        continue
                    found = self._target(path) if kind == stat.S_IFLNK else status
                except OSError as error:
                    yield _unreadable(source, error)
                    continue
                if isinstance(found, str):
                    note = Unreachable if found in (_BROKEN, _NOT_FETCHED) else FileNote
                    yield note(source, Reason.NOT_AN_IMAGE, found)
                elif not stat.S_ISDIR(found.st_mode):
                    yield _entry(source, path, found)
                elif _identity(found) not in self.left_alone:
                    if kind == stat.S_IFLNK:
                        is_mount = os.path.ismount(os.path.realpath(path))
                    else:
                        is_mount = found.st_dev != folder.device
                    if is_mount:
                        self._mounts.found.add(source)
                    yield from self._push(
                        stack, source, f"{folder.below}{name}/", path, found.st_dev
                    )
                    break
            else:
                stack.pop()

    def missing_mounts(self, label: str, path: str) -> Iterator[Unreachable]:
        """Yield the known mount points of a root that do not exist."""
        for source in sorted(self._mounts.known - self._mounts.found):
            below = source.removeprefix(f"{label}/")
            if below != source and not os.path.lexists(f"{path}/{unescape(below)}"):
                yield self._not_mounted(source, "does not exist")

    def _not_mounted(self, source: str, state: str) -> Unreachable:
        self._mounts.found.add(source)
        return Unreachable(source, Reason.IO_ERROR, f"a mount point that {state} (not mounted?)")

    def _push(
        self, stack: list[_Folder], source: str, below: str, path: str, device: int
    ) -> Iterator[FileNote]:
        """Add a folder to the stack; yields a note if it cannot be read completely."""
        names: list[tuple[str, str]] = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    name = entry.name
                    end = "/" if self._is_folder(entry) else ""
                    names.append((escape(name) + end, name))
        except OSError as error:
            if not (stack and isinstance(error, FileNotFoundError)):  # else it was just deleted
                yield _unreadable(source, error)
        if not names and source in self._mounts.known - self._mounts.found:
            yield self._not_mounted(source, "is empty")
        names.sort()
        folder = path if path.endswith("/") else path + "/"
        stack.append(_Folder(source + "/", below, folder, device, iter(names)))

    def _excluded(self, below: str, name: str) -> bool:
        globs = self._exclude
        return any(fnmatchcase(below, glob) or fnmatchcase(name, glob) for glob in globs)

    def _is_folder(self, entry: "os.DirEntry[str]") -> bool:
        """Whether an entry is a folder that will be walked; False if this is unknown."""
        try:
            return entry.is_dir(follow_symlinks=self._follow_links)
        except OSError:
            return False

    def _target(self, path: str) -> os.stat_result | str:
        """Return the status of a link's target, or why the link is not followed."""
        target = os.path.realpath(path)
        try:
            status = Path(path).stat()
        except OSError as error:
            if error.errno not in _BROKEN_LINK_ERRNOS:
                raise
            return _NOT_FETCHED if "/annex/objects/" in target else _BROKEN
        root = next((root for root in self._roots if contains(root, target)), None)
        if root is not None:
            in_store = stat.S_ISREG(status.st_mode) and is_in_store(root, target)
            # A link to such a link is a second name of a file that is read anyway.
            return status if in_store and is_in_store(root, _immediate_target(path)) else _INSIDE
        if not self._follow_links or any(contains(target, root) for root in self._roots):
            return _OUTSIDE
        if _identity(status) in self._followed:
            return _REPEATED
        self._followed.add(_identity(status))
        return status


def _immediate_target(link: str) -> str:
    """Return the immediate target of a link, which may be a link itself."""
    folder = os.path.realpath(os.path.dirname(link))  # noqa: PTH120
    return os.path.normpath(os.path.join(folder, os.readlink(link)))  # noqa: PTH115, PTH118


def _entry(source: str, path: str, status: os.stat_result) -> FileEntry | FileNote:
    if not stat.S_ISREG(status.st_mode):
        kind = _SPECIAL.get(stat.S_IFMT(status.st_mode), "not a regular file")
        return FileNote(source, Reason.NOT_AN_IMAGE, kind)
    return FileEntry.of(source, path, status)


def _unreadable(source: str, error: OSError) -> Unreachable:
    return Unreachable(source, Reason.IO_ERROR, error.strerror or "it could not be read")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
