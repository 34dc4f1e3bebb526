"""One scan per output and state: a lock that the system releases when its holder dies."""

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
    """Hold the output folder, and the folder of its state.db, for this process.

    Raises OutputBusyError naming who holds one of them (host, pid, boot id), OutputError.
    """
    with ExitStack() as stack:
        for folder in sorted({folder.resolve() for folder in folders}):
            stack.enter_context(_hold(folder))
        yield


@contextmanager
def _hold(folder: Path) -> Iterator[None]:
    try:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 200).decode(errors="replace").strip()
            raise OutputBusyError(f"{folder}: another scan holds it ({holder})") from None
        boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown"
        # Only names the holder: a full disk need not stop it here.
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(
                handle, f"host {platform.node()}, pid {os.getpid()}, boot {boot}\n".encode(), 0
            )
        yield
    finally:
        os.close(handle)
