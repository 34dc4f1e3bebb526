"""Starts worker processes that import batchmri and nothing of the program that called it.

multiprocessing imports the main module of the program in every process that it starts, which runs a
script without a `__main__` guard again. Workers need nothing from there. They are forked from a
server of their own, so that the settings of a program that uses multiprocessing itself stay as
they are.
"""

import io
import os
import signal
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
    "batchmri.pipeline.worker_quiet",
    "batchmri.formats.read_headers",
    "batchmri.formats.decode",
]
_SIGNALS = {signal.SIGINT, signal.SIGTERM}


class _Server(forkserver.ForkServer):
    """The process from which workers are forked; it and they leave interrupts to the scan."""

    def __init__(self) -> None:
        super().__init__()
        self.set_forkserver_preload(_PRELOAD)

    def ensure_running(self) -> None:
        """Start it where it does not run, with SIGINT and SIGTERM blocked, which is inherited."""
        resource_tracker.ensure_running()  # starting it would unblock the signals
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            super().ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


SERVER = _Server()
# A forked child cannot wait for the server of its parent: it starts another.
os.register_at_fork(after_in_child=SERVER.__init__)  # type: ignore[misc]


class _Popen(popen_forkserver.Popen):
    """As in multiprocessing, but from our server, and without the main module."""

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
        # The write end of the pipe, kept open, tells the worker that its parent is alive.
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


class Pool(ProcessPool):
    """A pool of such processes, which ends at once when it is stopped."""

    def __init__(self, processes: int, initializer: Any, initargs: tuple[Any, ...]) -> None:
        SERVER.ensure_running()
        super().__init__(processes, 0, initializer, initargs, _Context())

    def _stop_pool(self) -> None:
        # Once this loop has ended no worker is started any more. A worker that is killed before
        # pebble takes its locks away cannot fail over that with a traceback, nor be waited for.
        if self._pool_manager_loop is not None:
            self._pool_manager_loop.join()
        for worker in self._pool_manager.worker_manager.workers.values():
            worker.kill()
        super()._stop_pool()  # type: ignore[no-untyped-call]
