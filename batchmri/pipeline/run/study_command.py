"""`--on-study CMD`: run a command for every finished study, with its JSON on standard input."""

import os
import shlex
import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from signal import SIGKILL
from types import TracebackType
from typing import Self

from batchmri.errors import SettingsError
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.settings import Settings

_MAX_WAITING = 64


class StudyCommand:
    """Context manager that runs the command of `report.on_study` for one study after another.

    The command runs without a shell, in parallel with the classification. After
    `report.on_study_timeout` it is killed together with its child processes. A failure is logged
    and counted, and never ends the scan. After a signal, commands that have not started are
    dropped.
    """

    def __init__(
        self, settings: Settings, stop: Shutdown, warn: Callable[..., None] = lambda *_, **__: None
    ) -> None:
        self._arguments = _arguments(settings)
        self._timeout_s = settings.report.on_study_timeout.total_seconds()
        self._stop = stop
        self._warn = warn
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="on-study")
        self._waiting: deque[Future[None]] = deque()
        self._process: subprocess.Popen[bytes] | None = None
        self.n_failed = 0

    def __call__(self, line: bytes) -> None:
        """Run the command for a study, after those of earlier studies."""
        if not self._arguments:
            return
        self._waiting.append(self._thread.submit(self._run, line))
        while len(self._waiting) > _MAX_WAITING or (self._waiting and self._waiting[0].done()):
            self._stop.result(self._waiting.popleft())

    def finish(self) -> None:
        """Wait for all commands. Raises InterruptedRunError if a signal comes first."""
        while self._waiting:
            self._stop.result(self._waiting.popleft())

    def _run(self, line: bytes) -> None:
        try:
            self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return self._failed(error.strerror or "cannot be started")
        with self._process as process:
            try:
                process.communicate(line, self._timeout_s)
            except subprocess.TimeoutExpired:
                self._kill()
                return self._failed(f"took longer than {self._timeout_s:g} s")
        if process.returncode:
            self._failed(f"exit code {process.returncode}")

    def _failed(self, why: str) -> None:
        self.n_failed += 1
        self._warn("the command of --on-study failed", why=why)

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._process is not None and self._process.returncode is None:
            self._kill()
        self._thread.shutdown()


def _arguments(settings: Settings) -> list[str]:
    """The command and its arguments. Raises SettingsError if it cannot be found."""
    command, name = settings.report.on_study, settings.name("report.on_study")
    if command is None:
        return []
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise SettingsError(f"{name}: {command!r} cannot be parsed ({error})") from None
    if not arguments or shutil.which(arguments[0]) is None:
        raise SettingsError(f"{name}: {command!r}: no such program; write its full path")
    return arguments
