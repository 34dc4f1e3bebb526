"""Imported by the server of the workers: one whose scan has ended says nothing about it.

A worker that starts while its scan is killed finds its pipe closed and its locks gone.
"""

import sys
from types import TracebackType


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, EOFError | OSError):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _report
