"""One scan per output: a lock that the system gives back when its holder dies."""

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchmri.errors import OutputBusyError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@contextmanager
def hold(output: Path) -> Iterator[None]:
    """Hold `output` for this process.

    Raises OutputBusyError naming who holds it (host, pid, boot id).
    """
    handle = os.open(output / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 200).decode(errors="replace").strip()
            raise OutputBusyError(f"{output}: another scan holds this output ({holder})") from None
        boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown"
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"host {platform.node()}, pid {os.getpid()}, boot {boot}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
