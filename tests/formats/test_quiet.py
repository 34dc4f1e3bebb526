import logging
import subprocess
import sys
import warnings

import pytest

from batchmri.formats.quiet import quiet

LOGGER = logging.getLogger("pydicom")


def _complain() -> None:
    LOGGER.error("a value of the header")
    warnings.warn("a value of the header", stacklevel=1)


def test_messages_are_suppressed_inside_the_context_only(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    with quiet(), quiet():
        _complain()
    assert not caplog.records and not recwarn.list
    _complain()
    assert len(caplog.records) == len(recwarn.list) == 1


def test_a_silent_process_stays_silent_after_the_context() -> None:
    code = (
        "from batchmri.formats.quiet import quiet, silence\n"
        "from tests.formats.test_quiet import _complain\n"
        "silence()\n"
        "with quiet(): pass\n"
        "_complain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
