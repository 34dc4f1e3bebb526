"""Log lines of the logger `batchmri` on stderr, as plain text or JSON.

A program that embeds batchmri adds its handler to this logger
(`logging.getLogger("batchmri").addHandler(…)`); then nothing is written to stderr. A record has the
attributes `facts`, a dictionary, and `run`, the ID of the run.
"""

import json
import logging
import sys
import time

from batchmri.outputs.formatting import printable

LOGGER = logging.getLogger("batchmri")


class PlainFormatter(logging.Formatter):
    """One line: time, level unless it is info, message, and facts as `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; text from files cannot control the terminal."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        mark = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        details = " ".join(f"{key}={value}" for key, value in _facts(record).items())
        return printable(f"{stamp} {mark}{record.getMessage()} {details}")


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (UTC), run, level, event, and the facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        head = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "run": getattr(record, "run", ""),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return json.dumps(head | _facts(record), default=str)


class StderrHandler(logging.Handler):
    """Writes to the current sys.stderr, which may be replaced during a run."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        print(self.format(record), file=sys.stderr, flush=True)


def write_to_stderr(formatter: logging.Formatter) -> None:
    """Write log records to stderr in this format, unless the logger has another handler."""
    for handler in LOGGER.handlers:
        if not isinstance(handler, StderrHandler):
            return
        LOGGER.removeHandler(handler)
    handler = StderrHandler()
    handler.setFormatter(formatter)
    LOGGER.addHandler(handler)
    if LOGGER.level == logging.NOTSET:
        LOGGER.setLevel(logging.INFO)


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return dict(getattr(record, "facts", {}))
