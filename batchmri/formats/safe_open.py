"""Opening a file that the walk saw as a regular one, and that may be something else by now."""

import os
import stat
from typing import BinaryIO


def open_regular(path: str) -> BinaryIO:
    """Open a file for reading; a pipe put in its place does not stop the reader.

    Raises OSError, also for what is no regular file any more.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(0, "no longer a regular file")
    return file
