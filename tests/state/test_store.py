import errno
import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from batchmri.errors import StateError
from batchmri.header import Header
from batchmri.reasons import Reason, Status
from batchmri.records import (
    CropBox,
    FileEntry,
    FileNote,
    Instance,
    Scores,
    Series,
    SeriesKey,
    SeriesResult,
    SliceRef,
)
from batchmri.state.series import Trouble
from batchmri.state.store import Store
from batchmri.state.studies import ExportedStudy

KEY = SeriesKey("1.1", "1.1.1")

NOW = 1_800_000_000.0


def entry(source: str, size: int = 10, mtime: int = 1) -> FileEntry:
    return FileEntry(source, f"/x/{source}", size, mtime)


def instance(source: str, study: str = "1.1") -> Instance:
    return Instance(source, f"/x/{source}", "dicom", study, "1.1.1", "1.1.1.1", Header())


def series(fingerprint: str = "a") -> Series:
    ref = SliceRef("a", "/x/a", "1", 1, 0, 0.0)
    return Series(
        KEY, "a", "dicom", 1, Header(), "t1", 8, 8, "axial", (1.0, 1.0), 5.0, (ref,),
        fingerprint=fingerprint,
    )  # fmt: skip


def result() -> SeriesResult:
    scores = Scores(SliceRef("a", "", "1", 1, 0, 0.0), (0.25, 0.75), CropBox(0, 0, 8, 8))
    return SeriesResult(
        series(), Status.CLASSIFIED, scores=(scores,), pictures=((0, "gradcam/x.png"),),
        picture_class="glioma", model_digest="d",
    )  # fmt: skip


def walked(store: Store, *met: FileEntry | FileNote, tries: int = 3) -> list[str]:
    """The unread files after a walk that found the given ones."""
    store.files.begin_walk(NOW)
    store.files.add_walked(met)
    store.files.end_walk()
    store.files.apply_walk(max_failed_runs=tries, retry_failed=False, now_s=NOW)
    return [item.source for item in store.files.unread()]


def test_a_file_is_read_once_while_size_and_time_are_the_same(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        assert walked(store, entry("a"), entry("b")) == ["a", "b"]
        store.files.put_header(entry("a"), instance("a"), 0)
        assert walked(store, entry("a"), entry("b")) == ["b"]
        assert walked(store, entry("a", size=11)) == ["a"]
        assert walked(store, entry("a", mtime=2)) == ["a"]


def test_a_temporary_failure_is_tried_in_three_runs_and_counts_as_new_once(tmp_path: Path) -> None:
    failure = FileNote("a", Reason.IO_ERROR, "stalled")
    with Store(tmp_path / "state.db") as store:
        new = []
        for _ in range(3):
            assert walked(store, entry("a")) == ["a"]
            new.append(store.files.put_header(entry("a"), failure, 0))
        assert walked(store, entry("a")) == []
        assert new == [1, 2, 3]


@pytest.mark.parametrize(
    ("exists", "detail", "unread"),
    [
        (True, os.strerror(errno.EACCES), ["a"]),
        (True, os.strerror(errno.EIO), []),
        (False, os.strerror(errno.EACCES), []),
    ],
)
def test_a_file_that_was_given_up_is_read_when_its_permissions_allow_it(
    exists: bool, detail: str, unread: list[str], tmp_path: Path
) -> None:
    file = FileEntry("a", str(tmp_path / "a"), 10, 1)
    if exists:
        (tmp_path / "a").touch()
    with Store(tmp_path / "state.db") as store:
        for _ in range(3):
            store.files.put_header(file, FileNote("a", Reason.IO_ERROR, detail), 0)
        assert walked(store, file) == unread
        assert store.files.n_given_up == 1 - len(unread)
        if unread:
            assert store.files.put_header(file, FileNote("a", Reason.IO_ERROR, detail), 0) == 3


def test_a_permanent_failure_is_not_read_again(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        walked(store, entry("a"))
        store.files.put_header(entry("a"), FileNote("a", Reason.BAD_HEADER), 0)
        assert walked(store, entry("a")) == []
        store.files.apply_walk(max_failed_runs=3, retry_failed=True, now_s=NOW)


def test_an_unreadable_folder_is_new_once_and_gone_when_it_can_be_read(tmp_path: Path) -> None:
    folder = FileNote("locked", Reason.IO_ERROR, "permission denied")
    with Store(tmp_path / "state.db") as store:
        assert walked(store, folder) == ["locked"]
        assert store.files.put_header(FileEntry("locked", "", 0, 0), folder, 0) == 1
        assert walked(store, folder) == []
        assert walked(store, replace(folder, detail="stale file handle")) == ["locked"]
        walked(store, entry("locked/a"))
        assert list(store.series.notes()) == []


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    path = b"/x/\xff\xfe".decode("utf-8", "surrogateescape")
    odd = FileEntry("root/\\xff\\xfe", path, 1, 1)
    with Store(tmp_path / "state.db") as store:
        walked(store, odd)
        assert next(store.files.unread()) == odd
        store.files.put_header(
            odd, Instance(odd.source, path, "dicom", "1.1", "1", "1", Header()), 0
        )
        instances, versions = store.files.instances("1.1")
        assert instances[0].path == path
        assert versions == {odd.source: "1:1"}


def test_gone_files_delete_their_series(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        walked(store, entry("a"))
        store.files.put_header(entry("a"), instance("a"), 0)
        store.series.put(series(), "1.1", None)
        store.series.put_result(result(), "a", [], Trouble.NONE)
        store.studies.put(ExportedStudy("1.1", "a", "v", "glioma", ""))
        walked(store)
        assert list(store.series.studies()) == []
        assert list(store.studies.gone()) == ["1.1"]


def test_counts_below_a_root_leave_out_roots_of_a_longer_name(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        walked(store, entry("mri/a"), entry("mri-2/a"), entry("mri0"))
        assert store.files.n_walked("mri") == 1


def test_a_series_that_failed_for_a_temporary_reason_has_another_try(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:

        def fails(trouble: Trouble) -> int:
            store.series.put(series(), "1.1", None)
            return store.series.put_result(result(), "a", [], trouble)

        def again(retry_failed: bool = False) -> bool:
            return store.series.has_another_try(KEY, max_failed_runs=3, retry_failed=retry_failed)

        assert [fails(Trouble.TEMPORARY), again(), fails(Trouble.TEMPORARY), again()] == [
            1, True, 2, True,
        ]  # fmt: skip
        fails(Trouble.TEMPORARY)
        assert not again()
        assert again(retry_failed=True)
        assert fails(Trouble.NONE) == 0
        assert not again(retry_failed=True)


def test_a_result_comes_back_as_it_was_written(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        store.series.put(series(), "1.1", None)
        assert store.series.waits(KEY, "a")
        assert list(store.series.studies()) == []
        note = FileNote("b", Reason.TRUNCATED, "short", KEY)
        store.series.put_result(result(), "a", [note], Trouble.NONE)
        assert not store.series.waits(KEY, "a")
        ((uid, (found,)),) = store.series.studies()
        assert uid == "1.1"
        assert found.scores == result().scores
        assert found.pictures == result().pictures
        assert list(store.series.notes()) == [note]


def test_a_result_for_files_that_changed_meanwhile_is_not_taken(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        store.series.put(series("new"), "1.1", None)
        store.series.put_result(result(), "old", [], Trouble.NONE)
        assert store.series.waits(KEY, "new")


def test_a_failed_transaction_is_rolled_back(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.set_meta("a", "b")
            _ = 1 / 0
        assert store.meta("a") is None


def test_state_db_is_readable_for_its_owner_only(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db"):
        assert stat.S_IMODE((tmp_path / "state.db").stat().st_mode) == 0o600


def test_a_file_that_is_not_a_state_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StateError, match=r"not a state\.db"):
        Store(tmp_path / "state.db")


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StateError, match="schema 999"):
        Store(path)


def test_forgotten_headers_are_read_again_one_by_one(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        met = [entry("a"), entry("b"), entry("bad")]
        assert walked(store, *met) == ["a", "b", "bad"]
        for one in met[:2]:
            store.files.put_header(one, instance(one.source), 5.0)
        failed = FileNote("bad", Reason.IO_ERROR)
        assert store.files.put_header(met[2], failed, 5.0) == 1
        assert walked(store, *met, tries=1) == []
        store.files.forget_headers()
        store.files.forget_headers()
        assert walked(store, *met, tries=1) == ["a", "b", "bad"]
        store.files.put_header(met[0], instance("a"), 99.0)
        assert walked(store, *met, tries=1) == ["b", "bad"], "what was read since is not read again"
        assert store.files.last_change_s("1.1") == 5.0, "reading it again is no change"
        assert store.files.put_header(met[2], failed, 99.0) == 2


def test_a_clock_that_was_set_back_does_not_make_files_new_forever(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        walked(store, entry("a"))
        store.files.put_header(entry("a"), instance("a"), NOW + 1e9)
        store.unplanned.discard("1.1")
        walked(store, entry("a"))
        assert list(store.unplanned) == ["1.1"], "whether it has settled must be decided again"
        assert store.files.last_change_s("1.1") == NOW


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE invoices (number INTEGER)")
    foreign.close()
    with pytest.raises(StateError, match="database of another program"), Store(path):
        pass
    with sqlite3.connect(path) as foreign:
        assert foreign.execute("SELECT name FROM sqlite_master").fetchall() == [("invoices",)]
    foreign.close()


def test_nothing_of_a_forgotten_study_remains_in_the_file(tmp_path: Path) -> None:
    """SQLite overwrites deleted rows only in some builds."""
    study, path = "1.2.840.9753", tmp_path / "state.db"
    with Store(path) as store:
        store._db.execute("PRAGMA secure_delete = OFF")
        store.files.put_header(entry("a"), instance("a", study), NOW)
        store.lookup.forget(study)
        store.lookup.compact()
    assert study.encode() not in path.read_bytes()
