"""What can go wrong, as one tree.

    BatchmriError            one clear line for a person, and an exit code
    ├── UsageError           a flag, a path or a table that cannot be used (2)
    │   ├── SettingsError    a setting that is unknown or not valid (2)
    │   ├── ModelError       a checkpoint that is damaged, foreign or not the state's (2)
    │   └── StateError       an output of another schema, model, preparation or precision (2)
    ├── ArchiveError         the archive looks wrong, nothing was changed (3)
    ├── OutputBusyError      another scan holds this output (4)
    ├── InterruptedRunError  a signal: what was finished is kept (130, 143)
    ├── ExportError          an exported model does not give what the model gives (1)
    └── OutputError          the output cannot be written (2)

A file that cannot be read is no exception: it is a `FileNote` with a reason, and the scan goes on.
"""

import difflib
import errno
import os
import signal
from collections.abc import Iterable


class BatchmriError(Exception):
    """Something that stops a command: its text says what, where and what to do."""

    exit_code = 2


class UsageError(BatchmriError):
    """A flag, a path or a table that cannot be used."""


class SettingsError(UsageError):
    """A setting that is unknown or not valid."""


class ModelError(UsageError):
    """A checkpoint that is damaged, foreign, or not the one that the state was made with."""


class StateError(UsageError):
    """An output that this run may not continue: other schema, model, preparation or precision."""


class OutputError(BatchmriError):
    """The output folder cannot be written."""


class ArchiveError(BatchmriError):
    """The archive looks wrong: nothing was changed."""

    exit_code = 3


class OutputBusyError(BatchmriError):
    """Another scan holds this output."""

    exit_code = 4


class InterruptedRunError(BatchmriError):
    """A signal ended the command before it was done; what was finished is kept."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class ExportError(BatchmriError):
    """An exported model does not give what the model gives."""

    exit_code = 1


EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_INTERNAL = 70
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG, errno.ESTALE, errno.EPIPE}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` with the nearest of the words that would be right; empty if none is."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def exit_code_of(error: BaseException) -> int:
    """The exit code of a command that ends with this error."""
    if isinstance(error, BatchmriError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    if isinstance(error, OSError) and (known := as_output_error(error)):
        return known.exit_code
    return EXIT_INTERNAL


def as_output_error(error: OSError) -> OutputError | None:
    """What the file system refused, as one line; None for an OSError that is not about files."""
    if error.errno is None or (error.filename is None and error.errno not in _DISK):
        return None
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return OutputError(f"{where}{error.strerror}")
