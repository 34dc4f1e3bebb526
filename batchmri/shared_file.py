"""Anonymous memory that other processes open by an address."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


class SharedFile:
    """A file of `size` zero bytes in anonymous memory.

    Other processes of the user open it by `address`. The kernel frees it when this process has
    closed it or ended, and no worker uses it. Nothing is written to disk. A pickled copy refers to
    the memory, but does not keep it.
    """

    def __init__(self, size: int = 0) -> None:
        name = f"batchmri-{secrets.token_hex(8)}"
        self._descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
        os.truncate(self._descriptor, size)
        self.address = f"/proc/{os.getpid()}/fd/{self._descriptor}:{name}"

    def __getstate__(self) -> dict[str, object]:
        return {"address": self.address, "_descriptor": -1}

    def opened(self) -> AbstractContextManager[int]:
        """A descriptor for reading and writing, in any process, until the end of the context."""
        return opened(self.address)

    def close(self) -> None:
        """Release the memory; further calls do nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()


@contextmanager
def opened(address: str) -> Iterator[int]:
    """A descriptor of the memory at an address, for reading and writing.

    Raises OSError if its owner has released it. The number of its descriptor may then belong to any
    other file that the owner has open, which must not be written.
    """
    path, _, name = address.partition(":")
    _check(path, name)  # because opening another kind of file may have an effect
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        _check(f"/proc/self/fd/{descriptor}", name)  # the owner may have released it in between
        yield descriptor
    finally:
        os.close(descriptor)


def _check(path: str, name: str) -> None:
    if os.readlink(path) != f"/memfd:{name} (deleted)":  # noqa: PTH115
        raise OSError(errno.ESTALE, "the shared memory has been released", path)
