"""Atomic replacement of files: a reader sees the old or the new file, never a partial one."""

import filecmp
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from batchmri.errors import OutputError

FILE_MODE = 0o640
FOLDER_MODE = 0o750
_OWNER_ONLY = 0o077
_OWNER_AND_GROUP = 0o027
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


@contextmanager
def readers(*, group: bool) -> Iterator[None]:
    """Set the umask of this process, so that only the owner (or also the group) reads new files."""
    before = os.umask(_OWNER_AND_GROUP if group else _OWNER_ONLY)
    try:
        yield
    finally:
        os.umask(before)


class NewFile:
    """Context manager that writes a new version of a file and replaces the old one at its end.

    After an exception the old file remains. `changed` states whether the content differs; if not,
    the old file is not touched. `mode` is set regardless of the umask. Raises OutputError.
    """

    def __init__(self, path: Path, mode: int | None = None) -> None:
        self._path = path
        self._mode = mode
        self._temporary = _temporary(path)
        self.changed = True

    def __enter__(self) -> Self:
        with _output_errors(self._path):
            make_folder(self._path.parent)
            self._file = open(os.open(self._temporary, _NEW_FILE, FILE_MODE), "wb")
            if self._mode is not None:
                os.fchmod(self._file.fileno(), self._mode)
        return self

    def write(self, content: bytes) -> None:
        """Append to the new file."""
        with _output_errors(self._path):
            self._file.write(content)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            with _output_errors(self._path), self._file:
                if kind is None:
                    self._file.flush()
                    os.fsync(self._file.fileno())
            if kind is None:
                with _output_errors(self._path):
                    self._replace_if_changed()
        finally:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    def _replace_if_changed(self) -> None:
        if self._path.is_file() and filecmp.cmp(self._path, self._temporary, shallow=False):
            self.changed = False
            return
        self._temporary.replace(self._path)
        _sync(self._path.parent)


class NewFiles:
    """Context manager that writes many small files and replaces the old ones in groups.

    A group waits for the disk as a whole, which takes much less time than waiting for each file.
    After an exception, old files of the last group remain. Raises OutputError.
    """

    _GROUP = 256

    def __init__(self) -> None:
        self._written: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        return self

    def write(self, path: Path, content: bytes) -> None:
        """Write the new version of a file; it replaces the old one later."""
        with _output_errors(path):
            make_folder(path.parent)
            temporary = self._written[path] = _temporary(path)
            with open(os.open(temporary, _NEW_FILE, FILE_MODE), "wb") as file:
                file.write(content)
        if len(self._written) >= self._GROUP:
            self.replace()

    def replace(self) -> None:
        """Replace the old versions of all files written so far."""
        for path, temporary in self._written.items():
            with _output_errors(path):
                _sync(temporary)
        for path, temporary in self._written.items():
            with _output_errors(path):
                temporary.replace(path)
        for folder in {path.parent for path in self._written}:
            _sync(folder)
        self._written.clear()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.replace()
        finally:
            for temporary in self._written.values():
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes) -> bool:
    """Write `content` to `path` atomically; returns whether it changed. Raises OutputError."""
    with NewFile(path) as new:
        new.write(content)
    return new.changed


def write_json(path: Path, document: Any) -> bool:
    """Write `document` as JSON atomically; returns whether it changed. Raises OutputError."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return write_atomic(path, text.encode() + b"\n")


def make_folder(path: Path) -> None:
    """Create a folder and its parents, and sync them to disk."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
        _sync(path.parent)


def _temporary(path: Path) -> Path:
    # A fixed name, so that the next run overwrites the leftover of a killed one.
    return path.with_name(f".{path.name}.tmp")


def _sync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
