import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batchmri.shared_file import SharedFile


@contextmanager
def reused(memory: SharedFile, path: Path) -> Iterator[None]:
    """Release the memory, and let its descriptor belong to a file, opened for reading."""
    number = memory._descriptor
    memory.close()
    opened = os.open(path, os.O_RDONLY)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    yield
    os.close(number)


def test_a_copy_in_another_place_writes_the_same_memory() -> None:
    memory = SharedFile(4)
    with pickle.loads(pickle.dumps(memory)).opened() as descriptor:
        os.pwrite(descriptor, b"abc", 1)
    with memory.opened() as descriptor:
        assert os.pread(descriptor, 9, 0) == b"\0abc"


def test_a_file_that_got_the_descriptor_of_released_memory_is_never_opened(tmp_path: Path) -> None:
    """Regression: a late worker wrote pixels into another file that the main process had open."""
    path = tmp_path / "archive.dcm"
    path.write_bytes(b"content")
    memory = SharedFile(4)
    late = pickle.loads(pickle.dumps(memory))
    with (
        reused(memory, path),
        pytest.raises(OSError, match="has been released"),
        late.opened() as descriptor,
    ):
        os.pwrite(descriptor, b"pixels", 0)
    assert path.read_bytes() == b"content"


def test_other_memory_that_got_the_descriptor_is_not_written() -> None:
    memory = SharedFile(4)
    late = pickle.loads(pickle.dumps(memory))
    memory.close()
    other = SharedFile(4)
    if other._descriptor != int(late.address.partition(":")[0].rpartition("/")[2]):
        pytest.skip("another thread took the descriptor")
    with pytest.raises(OSError, match="has been released"), late.opened():
        pass


def test_a_descriptor_that_changes_while_it_is_opened_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "archive.dcm"
    path.write_bytes(b"content")
    memory, real = SharedFile(4), os.open
    monkeypatch.setattr(os, "open", lambda _, flags: real(path, flags))
    with pytest.raises(OSError, match="has been released"), memory.opened():
        pass
