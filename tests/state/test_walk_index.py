import random
import sqlite3
from pathlib import Path

import pytest

from batchmri.header import Header
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote, Instance, Unreachable
from batchmri.state.store import Store

NOW = 1_800_000_000.0
NAMES = [
    *("r/a", "r/a-b", "r/a/b", "r/a/b.dcm", "r/b", "r/b\\x5c", "r/z/1", "r/z/2", "r/ä"),
    *("s-2/a", "s/a"),
]  # sorted


def _entry(source: str, size: int = 10, mtime: int = 1, folder: str = "/x/") -> FileEntry:
    return FileEntry(source, folder + source, size, mtime)


def _put(store: Store, entry: FileEntry, reason: Reason | None = None, seen_s: float = 1.0) -> None:
    header = Instance(entry.source, entry.path, "dicom", "1.1", "1.1.1", "1.1.1.1", Header())
    found = FileNote(entry.source, reason) if reason else header
    store.files.put_header(entry, found, seen_s)


def _compare(store: Store, found: list[FileEntry | FileNote], compare: bool = True) -> set[str]:
    """Walk in chunks of three; returns the unread files."""
    store.files.begin_walk(NOW, compare=compare)
    for at in range(0, len(found), 3):
        store.files.add_walked(found[at : at + 3])
    store.files.end_walk()
    return {source for (source,) in store.files._db.execute("SELECT source FROM temp.walked")}


@pytest.mark.parametrize("seed", range(20))
def test_any_order_finds_new_changed_and_missing_files(seed: int) -> None:
    dice = random.Random(seed)
    with Store(None) as store:
        known = {name for name in NAMES if dice.random() < 0.7}
        for name in known:
            _put(store, _entry(name))
        found = [name for name in NAMES if dice.random() < 0.7]
        changed = {name for name in found if dice.random() < 0.3}
        walk = [_entry(name, size=10 + (name in changed)) for name in found]
        if seed % 2:
            dice.shuffle(walk)
        unread = _compare(store, walk)
        gone = store.files.gone().files
        n_walked = store.files.n_walked("s"), store.files.n_walked("r")
        store.files.apply_walk(max_failed_runs=3, retry_failed=False, now_s=NOW)
        left = {source for (source,) in store.files._db.execute("SELECT source FROM files")}
        rest = {item.source for item in store.files.unread()}
    assert rest == {name for name in found if name not in known} | changed
    assert rest <= unread
    if seed % 2 == 0:
        assert unread == rest, "nothing else is written if the files come in order"
    assert gone == len(known.difference(found))
    assert left == known & set(found)
    assert n_walked == ("s/a" in found, sum(name.startswith("r/") for name in found))


@pytest.mark.parametrize(
    "now",
    [
        _entry("r/a", size=11),
        _entry("r/a", mtime=2),
        _entry("r/a", folder="/y/"),
        FileNote("r/a", Reason.IO_ERROR),
    ],
)
def test_a_file_with_another_size_time_or_path_is_compared_again(now: FileEntry | FileNote) -> None:
    with Store(None) as store:
        _put(store, _entry("r/a"))
        assert _compare(store, [_entry("r/a")]) == set()
        assert _compare(store, [now]) == {"r/a"}


def test_failed_files_and_files_of_the_future_are_compared_again() -> None:
    with Store(None) as store:
        _put(store, _entry("r/failed"), Reason.IO_ERROR)
        _put(store, _entry("r/text"), Reason.NOT_AN_IMAGE)
        _put(store, _entry("r/tomorrow", mtime=9 * 10**18), seen_s=NOW + 1)
        found = [_entry("r/failed"), _entry("r/text"), _entry("r/tomorrow", mtime=9 * 10**18)]
        assert _compare(store, found) == {"r/failed", "r/tomorrow"}


def test_files_that_could_not_be_reached_are_not_gone() -> None:
    names = ["r/a", "r/b/1", "r/b/2", "r/b2", "r/c", "s"]
    with Store(None) as store:
        for name in names:
            _put(store, _entry(name), Reason.NOT_AN_IMAGE if name == "r/b/2" else None)
        # r/b cannot be listed, r/c not looked up; r/b2 is gone.
        folder = Unreachable("r/b", Reason.IO_ERROR, "denied")
        link = Unreachable("r/c", Reason.IO_ERROR, "stale")
        unread = _compare(store, [_entry("r/a"), folder, link, _entry("s")])
        assert unread == {"r/b"}
        assert store.files.gone() == (3, 1, 1), "r/b/1, r/b/2 and r/b2 were not found"
        assert store.files.kept() == (3, 1, 2, "r/b", "denied")
        assert store.files.kept("s") is None
        assert store.files.n_walked("r") == 2
        assert store.files.apply_walk(max_failed_runs=3, retry_failed=False, now_s=NOW) == 1
        left = {source for (source,) in store.files._db.execute("SELECT source FROM files")}
        assert left == {"r/a", "r/b/1", "r/b/2", "r/c", "s"}
        assert len(store.files.instances("1.1")[0]) == 4
        # Everything can be reached again, and r/b/1 has been deleted.
        assert (
            _compare(store, [_entry("r/a"), _entry("r/b/2"), _entry("r/c"), _entry("s")]) == set()
        )
        assert store.files.gone() == (1, 1, 0)
        assert store.files.kept() is None


def test_a_file_without_image_that_cannot_be_reached_is_noted() -> None:
    note = Unreachable("r/text", Reason.IO_ERROR, "stale")
    with Store(None) as store:
        _put(store, _entry("r/text"), Reason.NOT_AN_IMAGE)
        assert _compare(store, [note]) == {"r/text"}
        assert store.files.kept() is None


def test_a_file_of_which_only_the_name_is_known_is_not_kept() -> None:
    with Store(None) as store:
        _put(store, _entry("r/b/1"))
        store.files.expect([("r/b/2", "1.1")])
        _compare(store, [Unreachable("r/b", Reason.IO_ERROR, "denied")])
        assert store.files.kept() == (1, 1, 1, "r/b", "denied")


def test_every_header_that_must_be_read_again_is_unread() -> None:
    found = [_entry("r/a"), _entry("r/b")]
    with Store(None) as store:
        for entry in found:
            _put(store, entry)
        assert _compare(store, found, compare=False) == {"r/a", "r/b"}
        assert store.files.gone().files == 0
        store.files.forget_headers()
        assert _compare(store, found) == {"r/a", "r/b"}


def test_a_walk_looks_up_single_files_of_a_large_table(tmp_path: Path) -> None:
    """Every statement on `files` uses an index, so that its time depends on what is new."""
    statements: list[str] = []
    with Store(tmp_path / "state.db") as store:
        _put(store, _entry("r/a"))
        _compare(store, [_entry("r/b")])
        store.files._db.set_trace_callback(statements.append)
        store.files.gone()
        store.files.apply_walk(max_failed_runs=3, retry_failed=False, now_s=NOW)
        store.files._db.set_trace_callback(None)
        plans = [
            detail
            for statement in statements
            if " files" in statement
            and "FROM series" not in statement
            and not statement.startswith("--")
            for *_, detail in _plan(store.files._db, statement)
        ]
    assert plans
    assert [plan for plan in plans if plan.startswith("SCAN files")] == []


def _plan(connection: sqlite3.Connection, statement: str) -> list[tuple[object, ...]]:
    return connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
