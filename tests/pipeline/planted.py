"""Faulty decoders, header readers and drawing that replace the real ones in the workers."""

import errno
import os
import signal
import stat
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from batchmri.errors import OutputError
from batchmri.formats.decode import Decoded, DecodeTask, Refusal, decode_many
from batchmri.formats.read_headers import HeaderContext, read_headers
from batchmri.pipeline.draw_series import Drawn, DrawTask, draw_series
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote, Instance


def fails_for_some(tasks: Sequence[DecodeTask]) -> list[Decoded]:
    """Fail for files with certain names.

    A file named hang hangs, crash ends the worker, glutton exhausts the memory, stalled has an
    I/O error, and denied has no read permission.
    """
    found: list[Decoded] = []
    for task in tasks:
        name = Path(task.path).name
        if name.startswith("hang"):
            time.sleep(60)
        if name.startswith("glutton"):
            bytearray(64 << 30)
        if name.startswith("crash"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if name.startswith(("stalled", "denied")):
            detail = os.strerror(errno.EACCES) if name.startswith("denied") else "planted"
            found.append(Decoded((Refusal(Reason.IO_ERROR, detail),) * len(task.frames)))
        else:
            found += decode_many((task,))
    return found


def reads_otherwise(
    entries: Sequence[FileEntry], context: HeaderContext
) -> list[Instance | FileNote]:
    """Simulate another version of the reader, with other descriptions for files below `b`."""
    found: list[Instance | FileNote] = []
    for one in read_headers(entries, context):
        if isinstance(one, Instance) and "/b/" in one.source:
            one = replace(one, header=replace(one.header, series_description="T1 anew"))
        found.append(one)
    return found


def full_disk(handle: int) -> None:
    """Replacement of os.fsync on a full disk."""
    if stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(28, os.strerror(28))


def draws_on_a_full_disk(tasks: Sequence[DrawTask]) -> list[Drawn | OutputError]:
    """Draw on a full disk."""
    with patch.object(os, "fsync", full_disk):
        return draw_series(tasks)


def draws_without_place(tasks: Sequence[DrawTask]) -> list[Drawn | OutputError]:
    """Draw series whose place in space is unknown."""
    with patch("batchmri.pipeline.heatmaps.write_heatmap", return_value=False):
        return draw_series(tasks)


def crashes_while_drawing(tasks: Sequence[DrawTask]) -> list[Drawn | OutputError]:
    """End the worker."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return []


def sleeps(paths: Sequence[str]) -> list[None]:
    """Write the id of the worker to a path, and sleep."""
    Path(paths[0]).write_text(str(os.getpid()), encoding="ascii")
    time.sleep(60)
    return [None]
