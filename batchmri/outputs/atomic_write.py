"""Writing a file so that there is the old one or the new one, never half of one."""

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


@contextmanager
def readers(*, group: bool) -> Iterator[None]:
    """Who may read what is written meanwhile by this process: its owner, or its group as well."""
    before = os.umask(_OWNER_AND_GROUP if group else _OWNER_ONLY)
    try:
        yield
    finally:
        os.umask(before)


class NewFile:
    """The next version of a file: it takes the old one's place when left without an error.

    `changed` tells afterwards whether the bytes differ; where they do not, the old file stays
    untouched. `mode` is set whatever the umask. Raises OutputError.
    """

    def __init__(self, path: Path, mode: int | None = None) -> None:
        self._path = path
        self._mode = mode
        # The same name each time: what a killed run left behind is overwritten, not collected.
        self._temporary = path.with_name(f".{path.name}.tmp")
        self.changed = True

    def __enter__(self) -> Self:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with _told(self._path):
            make_folder(self._path.parent)
            self._file = open(os.open(self._temporary, flags, FILE_MODE), "wb")
            if self._mode is not None:
                os.fchmod(self._file.fileno(), self._mode)
        return self

    def write(self, content: bytes) -> None:
        """Append to the new file."""
        with _told(self._path):
            self._file.write(content)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            with _told(self._path), self._file:
                if kind is None:
                    self._file.flush()
                    os.fsync(self._file.fileno())
            if kind is None:
                with _told(self._path):
                    self._put_in_place()
        finally:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    def _put_in_place(self) -> None:
        if self._path.is_file() and filecmp.cmp(self._path, self._temporary, shallow=False):
            self.changed = False
            return
        self._temporary.replace(self._path)
        _sync_folder(self._path.parent)


def write_atomic(path: Path, content: bytes) -> bool:
    """Write `content` to `path` in one step; whether it changed. Raises OutputError."""
    with NewFile(path) as new:
        new.write(content)
    return new.changed


def write_json(path: Path, document: Any) -> bool:
    """Write `document` as JSON in one step; whether it changed. Raises OutputError."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return write_atomic(path, text.encode() + b"\n")


def make_folder(path: Path) -> None:
    """Create a folder and its parents, and make that last."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
