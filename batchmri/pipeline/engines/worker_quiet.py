"""Exception hook of the worker server: workers whose scan has ended print no traceback.

A worker that starts while its scan is killed raises EOFError or OSError, since its pipe and its
locks are closed.
"""

import sys
from types import TracebackType


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, EOFError | OSError):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _report
