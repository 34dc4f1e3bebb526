"""Open a file that was a regular file when the folder was walked, but may have been replaced."""

import os
import stat
from typing import BinaryIO


def open_regular(path: str) -> BinaryIO:
    """Open a file for reading, without blocking if it was replaced by a pipe.

    Raises OSError, also if it is no longer a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(0, "no longer a regular file")
    return file
