"""Lock that allows one scan per output and state; the system releases it when the process ends."""

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from batchmri.errors import REFUSALS, OutputBusyError, OutputError

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
    path = folder / ".lock"
    is_new = not path.exists()
    try:
        handle = _locked(path)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None
    try:
        boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown"
        # The text is used only in messages, so a full disk does not matter here.
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(
                handle, f"host {platform.node()}, pid {os.getpid()}, boot {boot}\n".encode(), 0
            )
        yield
    except REFUSALS:
        if is_new:
            path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def _locked(path: Path) -> int:
    """Open and lock a file; a file that was removed before it could be locked is made again."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except BlockingIOError:
            holder = os.read(handle, 200).decode(errors="replace").strip()
            os.close(handle)
            raise OutputBusyError(f"{path.parent}: is in use by another scan ({holder})") from None
        except FileNotFoundError:
            pass
        os.close(handle)
