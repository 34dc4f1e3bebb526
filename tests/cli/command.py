"""Run the command line in this process, or in a separate process if a test requires it."""

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from batchmri.cli import main

UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Without these capabilities root has the permissions of an ordinary user."""

Done = subprocess.CompletedProcess[str]


def batchmri(*arguments: object, stdin: str = "", env: dict[str, str] | None = None) -> Done:
    """Run a command in this process, which saves seconds of importing torch."""
    command = ["batchmri", *map(str, arguments)]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        patch.dict(os.environ, env or {}),
        patch.object(sys, "argv", command),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(command, code, *(_text(stream) for stream in (out, err)))


def batchmri_process(*arguments: object, before: Sequence[str] = ()) -> Done:
    """Run a command in a separate process, as arguments of the command `before`."""
    return subprocess.run(
        [*before, sys.executable, "-m", "batchmri", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def assert_one_line(done: Done, code: int, *words: str) -> None:
    lines = done.stderr.strip().splitlines()
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr
    assert all(word in lines[-1] for word in words), lines


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    content = stream.buffer.getvalue()  # type: ignore[attr-defined]
    return str(content, "utf-8")
