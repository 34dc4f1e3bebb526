"""Exit codes and one-line error messages of commands."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import click

from batchmri.cli.imports import explain_import
from batchmri.errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    BatchmriError,
    UsageError,
    as_output_error,
)

_WITH_OUTPUT = ("reclassify", "verdict", "calibrate", "export", "dicom", "report", "status")
"""Commands whose first argument is an output folder."""


def exit_code_of(run: Callable[[], int], arguments: Sequence[str]) -> int:
    """Run a command; an exception is reported as one line on stderr and an exit code."""
    try:
        return run()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except click.ClickException as error:
        error.show()
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt, EOFError):
        _print_error("interrupted")
        return EXIT_INTERRUPTED
    except BatchmriError as error:
        _print_error(f"error: {error}")
        return error.exit_code
    except Exception as error:
        return _report_unexpected(error, arguments)


def _report_unexpected(error: Exception, arguments: Sequence[str]) -> int:
    if isinstance(error, ImportError | AttributeError) and (message := explain_import(error)):
        _print_error(f"error: {message}")
        return UsageError.exit_code
    if isinstance(error, OSError) and (known := as_output_error(error)):
        _print_error(f"error: {known}")
        return known.exit_code
    report = _write_traceback(error, [*_output_folders(arguments), Path(tempfile.gettempdir())])
    where = f"the traceback is in {report}" if report else "its traceback could not be written"
    _print_error(
        f"internal error ({type(error).__name__}): this is a bug, please report it; {where}"
    )
    return EXIT_INTERNAL


def _write_traceback(error: Exception, folders: Sequence[Path]) -> Path | None:
    text = "".join(traceback.format_exception(error))
    for folder in folders:
        with suppress(OSError):
            # mkstemp makes it readable for its owner only: an exception may quote personal data.
            handle, name = tempfile.mkstemp(".txt", "batchmri-error-", folder)
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            return Path(name)
    return None


def _output_folders(arguments: Sequence[str]) -> list[Path]:
    """The value of --out, or the argument OUT of other commands, if it is a folder."""
    named = [b for a, b in pairwise(arguments) if a == "--out"]
    named += [a.removeprefix("--out=") for a in arguments if a.startswith("--out=")]
    if arguments and arguments[0] in _WITH_OUTPUT:
        named += [a for a in arguments[1:] if not a.startswith("-")]
    return [Path(name) for name in named if os.path.isdir(name)][:1]  # noqa: PTH112


def _print_error(line: str) -> None:
    from batchmri.outputs.formatting import printable

    with suppress(OSError):
        print(printable(f"batchmri: {line}"), file=sys.stderr, flush=True)
