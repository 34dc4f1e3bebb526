"""Suppression of warnings and log messages of the libraries that read files.

The result reports what is wrong with a file. The messages of the libraries name no file, and may
quote values of its header.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = tuple(logging.getLogger(name) for name in ("pydicom", "nibabel.global"))
_SILENT = logging.CRITICAL + 1


def silence() -> None:
    """Suppress the messages for the rest of this process."""
    for logger in _LOGGERS:
        logger.setLevel(_SILENT)
    warnings.simplefilter("ignore")


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the messages inside the context.

    Changing the level of a logger takes 50 µs, a quarter of the time to read a header. This is
    avoided in a process that called `silence`.
    """
    if all(logger.level == _SILENT for logger in _LOGGERS):
        yield
        return
    levels = [logger.level for logger in _LOGGERS]
    try:
        with warnings.catch_warnings():
            silence()
            yield
    finally:
        for logger, level in zip(_LOGGERS, levels, strict=True):
            logger.setLevel(level)
