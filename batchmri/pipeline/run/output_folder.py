"""The output folder and the location of its state."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from batchmri.errors import REFUSALS, OutputError, StateError, UsageError
from batchmri.outputs.atomic_write import make_folder
from batchmri.state.store import Store

_DATABASE = "state.db"
_OUTPUT_KEY = "output"


@contextmanager
def make_output(output: Path) -> Iterator[None]:
    """Create the folder; if the command is refused, remove what was created. Raises OutputError."""
    created = [folder for folder in (output, *output.parents) if not folder.exists()]
    try:
        make_folder(output)
    except OSError as error:
        raise OutputError(f"{output}: cannot be created ({error.strerror})") from None
    try:
        yield
    except REFUSALS:
        with suppress(OSError):  # not empty any more
            for folder in created:
                folder.rmdir()
        raise


class FirstRun:
    """Context manager that removes the state of an output whose first run is refused.

    Nothing is removed if the output or its state existed before, or after `accept`.
    """

    def __init__(self, output: Path, database: Path) -> None:
        journal = database.with_name(f"{database.name}-journal")
        self._files = (database, journal, output / "results.jsonl")
        self._is_refusable = not any(path.exists() for path in self._files)

    def accept(self) -> None:
        """Keep the state from now on: the PATHs contain images, and the work begins."""
        self._is_refusable = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._is_refusable and isinstance(error, REFUSALS):
            for path in self._files:
                path.unlink(missing_ok=True)


def state_path(output: Path, elsewhere: Path | None) -> Path:
    """Path of the state.db of an output: in `output`, or in `elsewhere` (`--state`).

    Links are resolved, so that the lock in its folder is the same for every path to it.

    Raises UsageError if the output was written with another `--state`, because a scan would then
    repeat all its work.
    """
    path = ((elsewhere or output) / _DATABASE).resolve()
    run = output / "run.json"
    if not path.exists() and run.is_file():
        before = _recorded_state(run)
        inside = (output / _DATABASE).resolve()
        if before != path and (before != inside or inside.exists()):
            raise UsageError(
                f"{output}: its state is {before}; name that folder with --state, or choose a new "
                "--out"
            )
    return path


def find_state(output: Path) -> Path:
    """Path of the state.db of an output, wherever it is. Raises UsageError if there is none."""
    path, run = output / _DATABASE, output / "run.json"
    if not path.is_file() and run.is_file():
        path = _recorded_state(run)
    if not path.is_file():
        raise UsageError(f"{output}: no results here (no state.db); run batchmri scan first")
    return path.resolve()


def claim_state(store: Store, output: Path) -> None:
    """Record `output` as the output of `store`; the output may have been moved since the last run.

    Raises StateError if the store belongs to another output that still exists. Two outputs with
    one state would each miss the changes that the other has reported.
    """
    known = store.meta(_OUTPUT_KEY)
    here = str(output.resolve())
    if known not in (None, here):
        run = Path(str(known)) / "run.json"
        if run.is_file() and str(_recorded_state(run)) == store.location:
            raise StateError(
                f"{store.location}: is the state of {known}; name another folder with --state"
            )
    store.set_meta(_OUTPUT_KEY, here)


def state_record(output: Path, database: Path) -> str:
    """How run.json names the state: relative to the output if it is inside, which may be moved."""
    return _DATABASE if database == output.resolve() / _DATABASE else str(database)


def _recorded_state(run: Path) -> Path:
    try:
        found = str(json.loads(run.read_text(encoding="utf-8"))["state"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StateError(
            f"{run}: damaged, so the folder of the state is unknown; name the folder of state.db "
            "with --state, or delete this file if there is no state.db"
        ) from None
    return (run.parent / found).resolve()
