"""Anonymous memory that worker processes open by a path."""

import os


class SharedFile:
    """An empty file in anonymous memory, which other processes of the user open by `path`.

    The kernel frees it when this process has closed it or ended and no worker uses it. Nothing is
    written to disk.
    """

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("batchmri", os.MFD_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self._descriptor}"

    def close(self) -> None:
        """Release the memory; further calls do nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()
