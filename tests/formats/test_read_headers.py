import os
import subprocess
import sys
from pathlib import Path

from batchmri.formats.read_headers import read_headers
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote, Instance
from tests.builders import CONTEXT, dicom, entry, is_accounted, scan


def test_one_result_per_file_in_order(tmp_path: Path) -> None:
    good = dicom(tmp_path / "good")
    empty = tmp_path / "empty"
    empty.touch()
    text = tmp_path / "text"
    text.write_text("not DICM")
    gone = dicom(tmp_path / "gone", 2)
    entries = [entry(path) for path in (empty, good, text, gone)]
    gone.unlink()
    found = read_headers(entries, CONTEXT)
    assert [item.source for item in found] == [one.source for one in entries]
    assert isinstance(found[1], Instance)
    reasons = [item.reason for item in found if isinstance(item, FileNote)]
    assert reasons == [Reason.EMPTY_FILE, Reason.NOT_AN_IMAGE, Reason.IO_ERROR]


def test_a_file_replaced_by_a_pipe_does_not_block(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a")
    one = entry(path)
    path.unlink()
    os.mkfifo(path)
    (found,) = read_headers([one], CONTEXT)
    assert isinstance(found, FileNote) and found.reason is Reason.IO_ERROR


def test_a_file_that_shrank_since_the_walk(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a")
    one = entry(path)
    path.write_bytes(path.read_bytes()[:300])
    (found,) = read_headers([one], CONTEXT)
    assert isinstance(found, FileNote) and found.reason is not Reason.NOT_AN_IMAGE


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch) -> None:
    one = entry(dicom(tmp_path / "a"))

    def denied(*_args: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    (found,) = read_headers([one], CONTEXT)
    assert found == FileNote(one.source, Reason.IO_ERROR, "Permission denied")


def test_an_error_in_the_middle_of_a_read(tmp_path: Path, monkeypatch) -> None:
    def broken(*_args: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("batchmri.formats.dicom.reader.read_dicom_header", broken)
    (found,) = read_headers([entry(dicom(tmp_path / "a"))], CONTEXT)
    assert isinstance(found, FileNote) and found.reason is Reason.IO_ERROR


def test_a_bad_file_does_not_affect_others(tmp_path: Path) -> None:
    for number in range(1, 8):
        dicom(tmp_path / f"r/{number}", number)
    whole = (tmp_path / "r/4").read_bytes()
    (tmp_path / "r/4").write_bytes(whole[:-50])
    (tmp_path / "r/5").write_bytes(whole[:250])
    (tmp_path / "r/6").write_bytes(b"")
    studies, notes, walked = scan(tmp_path / "r")
    (series,) = studies[0].series
    assert [ref.source for ref in series.slices] == ["r/1", "r/2", "r/3", "r/7"]
    assert [(note.source, note.reason) for note in studies[0].left_out] == [
        ("r/4", Reason.TRUNCATED)
    ]
    assert sorted(note.source for note in notes) == ["r/5", "r/6"]
    assert is_accounted(studies, notes, walked)


def test_torch_and_pandas_are_not_imported() -> None:
    code = (
        "import sys, batchmri.archive.assembly, batchmri.archive.selection\n"
        "import batchmri.archive.walker\n"
        "import batchmri.formats.read_headers\n"
        "assert not {'torch', 'monai', 'pandas', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_records_can_be_pickled(tmp_path: Path) -> None:
    import pickle

    (found,) = read_headers([entry(dicom(tmp_path / "a"))], CONTEXT)
    assert pickle.loads(pickle.dumps(found)) == found
    assert isinstance(pickle.loads(pickle.dumps(CONTEXT)), type(CONTEXT))
    assert isinstance(entry(tmp_path / "a"), FileEntry)
