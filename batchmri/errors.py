"""Exceptions and their exit codes.

    BatchmriError            base class: a one-line message and an exit code
    ├── UsageError           a flag, a path or a table that cannot be used (2)
    │   ├── SettingsError    an unknown or invalid setting (2)
    │   ├── ModelError       a checkpoint that is damaged, unknown, or does not match (2)
    │   └── StateError       an output of another schema, model, preparation or precision (2)
    ├── ArchiveError         the archive looks wrong, nothing was changed (3)
    ├── OutputBusyError      another scan is using this output (4)
    ├── InterruptedRunError  a signal; finished work is kept (130, 143)
    ├── ExportError          an exported model does not reproduce the model's outputs (1)
    └── OutputError          the output cannot be written (2)

A file that cannot be read raises no exception: it becomes a `FileNote` with a reason, and the scan
continues.
"""

import difflib
import errno
import os
import signal
from collections.abc import Iterable


class BatchmriError(Exception):
    """Base class of errors that end a command: what is wrong, where, and what to do."""

    exit_code = 2


class UsageError(BatchmriError):
    """A flag, a path or a table that cannot be used."""


class SettingsError(UsageError):
    """An unknown or invalid setting."""


class ModelError(UsageError):
    """A checkpoint that is damaged, not from batchmri, or not the one used for this output."""


class StateError(UsageError):
    """An output that cannot be continued: its schema, model, preparation or precision differs."""


class OutputError(BatchmriError):
    """The output folder cannot be written."""


class ArchiveError(BatchmriError):
    """The archive looks wrong; nothing was changed."""

    exit_code = 3


class OutputBusyError(BatchmriError):
    """Another scan is using this output."""

    exit_code = 4


class InterruptedRunError(BatchmriError):
    """A signal ended the command early; finished work is kept."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class ExportError(BatchmriError):
    """An exported model does not reproduce the outputs of the original."""

    exit_code = 1


REFUSALS = (UsageError, OutputBusyError, ImportError)
"""Exceptions of a command that cannot start: options, model, lock, or a missing package."""

EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_INTERNAL = 70
_DISK_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EROFS,
    errno.EFBIG,
    errno.ESTALE,
    errno.EPIPE,
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The hint `; did you mean …?` with the closest known word; empty if none is close."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def exit_code_of(error: BaseException) -> int:
    """The exit code of a command that ends with `error`."""
    if isinstance(error, BatchmriError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    if isinstance(error, OSError) and (known := as_output_error(error)):
        return known.exit_code
    return EXIT_INTERNAL


def as_output_error(error: OSError) -> OutputError | None:
    """Convert a file system error to OutputError; return None for other kinds of OSError."""
    if error.errno is None or (error.filename is None and error.errno not in _DISK_ERRORS):
        return None
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return OutputError(f"{where}{error.strerror}")
