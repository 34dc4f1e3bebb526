"""Anonymous memory that worker processes open by a path."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


class SharedFile:
    """A file of `size` zero bytes in anonymous memory.

    Other processes of the user open it by `path`. The kernel frees it when this process has closed
    it or ended, and no worker uses it. Nothing is written to disk. A pickled copy refers to the
    memory, but does not keep it.
    """

    def __init__(self, size: int = 0) -> None:
        self._descriptor = os.memfd_create("batchmri", os.MFD_CLOEXEC)
        os.truncate(self._descriptor, size)
        self.path = f"/proc/{os.getpid()}/fd/{self._descriptor}"

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "_descriptor": -1}

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor for reading and writing, in any process, until the end of the context."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Release the memory; further calls do nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()
