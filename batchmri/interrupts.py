"""Handling of SIGINT and SIGTERM until a command installs its own handlers.

This module is imported first, so that an interrupt during other imports prints no traceback.
"""

import os
import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h"


def exit_on_interrupts() -> None:
    """Let SIGINT and SIGTERM end this process at once, with exit code 130 or 143.

    This is safe at any time: files are replaced atomically, and state.db is written in
    transactions.
    """
    for number in SIGNALS:
        signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    try:
        # Show the cursor again, which a progress bar hides.
        os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + b"batchmri: interrupted\n")
    finally:
        os._exit(128 + number)
