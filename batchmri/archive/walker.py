"""Walk folders: one FileEntry per regular file, a FileNote for what cannot be opened as one.

Streaming: one open folder per level, so memory does not grow with the archive. Symbolic links are
never followed: what they lead to is walked under its own name, or lies outside of the root.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from batchmri.archive.naming import escape
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote

_MAX_OPEN_FOLDERS = 64
_SPECIAL = {
    stat.S_IFLNK: "symbolic link, not followed",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device file",
    stat.S_IFBLK: "device file",
}


class _Folder(NamedTuple):
    source: str
    below: str  # path below the root, with a slash at its end where it is not empty
    entries: "Iterator[os.DirEntry[str]]"


def label_roots(paths: Sequence[str]) -> dict[str, str]:
    """Label → path: the last folder name of each path, made unique by `-2`, `-3`, … in that order.

    A path given twice, or inside of another one, is walked once.
    """
    real = {path: os.path.realpath(path) for path in paths}
    labels: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        if path in labels.values() or _inside_another(path, real, labels):
            continue
        # Not resolve(): that would name what a link leads to.
        name = escape(Path(os.path.abspath(path)).name) or "root"  # noqa: PTH100
        label, number = name, 1
        while label in labels:
            number += 1
            label = f"{name}-{number}"
        labels[label] = path
    return labels


def _inside_another(path: str, real: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    if any(real[path] == real[taken] for taken in labels.values()):
        return True
    return any(
        real[path] != other and real[path].startswith(other.rstrip("/") + "/")
        for other in real.values()
    )


def walk(
    roots: Mapping[str, str], exclude: Sequence[str], not_below: Sequence[str]
) -> Iterator[FileEntry | FileNote]:
    """Every file below the roots (label → path), in no particular order.

    `exclude`: globs that a path below its root, or a name, must not match (a folder that matches
    is left out whole). `not_below`: folders left alone, such as the output. A file is opened by
    `path`; links, pipes, sockets and devices give a note and are never opened, and a folder that
    cannot be read gives an `io_error`.
    """
    left_alone = {_identity(Path(path).stat()) for path in not_below if Path(path).is_dir()}
    for label, path in roots.items():
        try:
            status = Path(path).stat()
        except OSError as error:
            yield _unreadable(label, error)
            continue
        if not stat.S_ISDIR(status.st_mode):
            yield _entry(label, path, status)
        elif _identity(status) not in left_alone:
            yield from _walk_root(label, path, exclude, left_alone)


def _walk_root(
    label: str, path: str, exclude: Sequence[str], left_alone: set[tuple[int, int]]
) -> Iterator[FileEntry | FileNote]:
    stack: list[_Folder] = []
    root = _open(label, "", path, len(stack))
    if isinstance(root, FileNote):
        yield root
        return
    stack.append(root)
    while stack:
        folder = stack[-1]
        try:
            entry = next(folder.entries, None)
        except OSError as error:
            yield _unreadable(folder.source, error)
            entry = None
        if entry is None:
            stack.pop()
            continue
        below = folder.below + entry.name
        if _matches(below, entry.name, exclude):
            continue
        source = f"{folder.source}/{escape(entry.name)}"
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            yield _unreadable(source, error)
            continue
        if not stat.S_ISDIR(status.st_mode):
            yield _entry(source, entry.path, status)
        elif _identity(status) not in left_alone:
            opened = _open(source, below + "/", entry.path, len(stack))
            if isinstance(opened, FileNote):
                yield opened
            else:
                stack.append(opened)


def _open(source: str, below: str, path: str, depth: int) -> _Folder | FileNote:
    try:
        entries: Iterator[os.DirEntry[str]] = os.scandir(path)
        if depth >= _MAX_OPEN_FOLDERS:
            # A folder this deep is held as a list: each open one costs a file descriptor.
            entries = iter(list(entries))
    except OSError as error:
        return _unreadable(source, error)
    return _Folder(source, below, entries)


def _entry(source: str, path: str, status: os.stat_result) -> FileEntry | FileNote:
    if not stat.S_ISREG(status.st_mode):
        kind = _SPECIAL.get(stat.S_IFMT(status.st_mode), "no regular file")
        return FileNote(source, Reason.NOT_AN_IMAGE, kind)
    return FileEntry(source, path, status.st_size, status.st_mtime_ns)


def _unreadable(source: str, error: OSError) -> FileNote:
    return FileNote(source, Reason.IO_ERROR, error.strerror or type(error).__name__)


def _matches(below: str, name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(below, glob) or fnmatchcase(name, glob) for glob in globs)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
