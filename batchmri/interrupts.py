"""What SIGINT and SIGTERM do before a command takes them itself.

This is imported first, so that an interrupt while the rest is imported is no traceback.
"""

import os
import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h"


def exit_on_interrupts() -> None:
    """Have SIGINT and SIGTERM end this process at once with exit code 130 or 143.

    Files are replaced as a whole and state.db by transactions: at any moment a process may end.
    """
    for number in SIGNALS:
        signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    try:
        # A progress bar hides the cursor.
        os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + b"batchmri: interrupted\n")
    finally:
        os._exit(128 + number)
