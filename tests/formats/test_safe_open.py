import os
from pathlib import Path

import pytest

from batchmri.formats.decode import DecodeTask, Refusal, decode_many
from batchmri.formats.safe_open import open_regular
from batchmri.reasons import Reason
from batchmri.records import Display, Format


def test_opening_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no longer a regular file"):
        open_regular(str(tmp_path / "pipe"))


@pytest.mark.parametrize("format_", ["dicom", "nifti"])
def test_decoding_a_file_replaced_by_a_pipe_is_an_io_error(tmp_path: Path, format_: Format) -> None:
    os.mkfifo(tmp_path / "pipe")
    task = DecodeTask(format_, str(tmp_path / "pipe"), (1,), 2, Display(), 1 << 20)
    (decoded,) = decode_many([task])
    (refusal,) = decoded.slices
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.IO_ERROR
