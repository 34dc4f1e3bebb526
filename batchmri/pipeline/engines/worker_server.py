"""Worker processes that import batchmri, but not the main module of the calling program.

multiprocessing imports the main module in every process that it starts, which would run a script
without a `__main__` guard again. Workers do not need that module. They are forked from a separate
server, so that the multiprocessing settings of the calling program do not change.
"""

import io
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import (
    context,
    forkserver,
    popen_forkserver,
    reduction,
    resource_tracker,
    spawn,
)
from multiprocessing import util as processes
from multiprocessing.process import BaseProcess
from typing import Any

from pebble import ProcessPool

_PRELOAD = [
    "batchmri.pipeline.engines.worker_quiet",
    "batchmri.formats.read_headers",
    "batchmri.formats.decode",
    "batchmri.formats.dicom.reader",
    "batchmri.formats.nifti.reader",
    "batchmri.pipeline.draw_series",
]
_SIGNALS = {signal.SIGINT, signal.SIGTERM}
_SAFE_PATH = "PYTHONSAFEPATH"


class _Server(forkserver.ForkServer):
    """The process from which workers are forked; server and workers ignore interrupts."""

    def __init__(self) -> None:
        super().__init__()
        self.set_forkserver_preload(_PRELOAD)
        self._starting = threading.Lock()

    def ensure_running(self) -> None:
        """Start the server if necessary, with SIGINT and SIGTERM blocked; workers inherit this."""
        with self._starting:
            if not self._is_running():
                self._start()

    def _start(self) -> None:
        with _without_current_folder():
            resource_tracker.ensure_running()  # starting it would unblock the signals
            before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            try:
                super().ensure_running()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _is_running(self) -> bool:
        pid = self._forkserver_pid  # type: ignore[attr-defined]
        if pid is None:
            return False
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT  # the status is left to ForkServer
        return os.waitid(os.P_PID, pid, options) is None


@contextmanager
def _without_current_folder() -> Iterator[None]:
    """Start Python processes that do not import modules from the current folder.

    A folder named `numpy` in an archive would otherwise replace the package in all workers.
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


SERVER = _Server()
# A forked child cannot wait for the server of its parent, so it starts a new one.
os.register_at_fork(after_in_child=SERVER.__init__)  # type: ignore[misc]


class _Popen(popen_forkserver.Popen):
    """The Popen of multiprocessing, but with SERVER and without the main module."""

    def _launch(self, process_obj: BaseProcess) -> None:
        data = spawn.get_preparation_data(process_obj.name)
        data = {key: value for key, value in data.items() if not key.startswith("init_main")}
        buffer = io.BytesIO()
        context.set_spawning_popen(self)
        try:
            reduction.dump(data, buffer)
            reduction.dump(process_obj, buffer)
        finally:
            context.set_spawning_popen(None)
        self.sentinel, writer = SERVER.connect_to_new_process(self._fds)  # type: ignore[attr-defined]
        # The worker detects the end of its parent when this write end of the pipe is closed.
        kept = os.dup(writer)
        close_fds = processes.close_fds  # type: ignore[attr-defined]
        self.finalizer = processes.Finalize(self, close_fds, (kept, self.sentinel))
        with open(writer, "wb") as file:
            file.write(buffer.getbuffer())
        self.pid = forkserver.read_signed(self.sentinel)


class _Process(context.ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802
        return _Popen(process_obj)


class _Context(context.ForkServerContext):
    Process = _Process


class ServerPool(ProcessPool):
    """A pool of these worker processes that ends at once when it is stopped."""

    def __init__(self, processes: int, initializer: Any, initargs: tuple[Any, ...]) -> None:
        SERVER.ensure_running()
        super().__init__(processes, 0, initializer, initargs, _Context())

    def _stop_pool(self) -> None:
        # No worker is started after this loop has ended. Workers are killed before pebble closes
        # its locks: otherwise they would print a traceback, and pebble would wait for them.
        if self._pool_manager_loop is not None:
            self._pool_manager_loop.join()
        for worker in self._pool_manager.worker_manager.workers.values():
            worker.kill()
        super()._stop_pool()  # type: ignore[no-untyped-call]
