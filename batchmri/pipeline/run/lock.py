"""Lock that allows one scan per output and state; the system releases it when the process ends."""

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from batchmri.errors import OutputBusyError, OutputError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@contextmanager
def hold(*folders: Path) -> Iterator[None]:
    """Lock the output folder and the folder of its state.db for this process.

    Raises OutputBusyError, which names the process that has the lock (host, pid, boot ID), and
    OutputError.
    """
    with ExitStack() as stack:
        for folder in sorted({folder.resolve() for folder in folders}):
            stack.enter_context(_lock_folder(folder))
        yield


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    try:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 200).decode(errors="replace").strip()
            raise OutputBusyError(f"{folder}: is in use by another scan ({holder})") from None
        boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown"
        # This text is only for messages, so a full disk is ignored here.
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(
                handle, f"host {platform.node()}, pid {os.getpid()}, boot {boot}\n".encode(), 0
            )
        yield
    finally:
        os.close(handle)
