"""state-0.1.sql is the dump of a state.db that version 0.1 wrote.

The archive: study `one` with a classified series of five slices, study `two` with a series of two
stacks of five slices that is skipped, study `three` with two slices, and one text file.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from batchmri.reasons import Status
from batchmri.records import SeriesKey
from batchmri.state.schema import VERSION
from batchmri.state.store import Store

DUMP = Path(__file__).parent / "data" / "state-0.1.sql"


def state_of_0_1(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP.read_text())
        connection.execute("PRAGMA user_version = 1")
    return path


def test_a_state_of_version_0_1_opens_and_keeps_its_results(tmp_path: Path) -> None:
    with Store(state_of_0_1(tmp_path / "state.db")) as store:
        results = {r.series.source: r for _, rs in store.series.studies() for r in rs}
        one = results["archive/one"]
        assert (one.status, len(one.scores)) == (Status.CLASSIFIED, 5)
        assert one.scores[0].probabilities[2] == 0.9729120642092773
        assert one.scores[0].domain is not None
        assert store.files.count() == 18
        fingerprint = store.series.fingerprint(one.series.key)
        assert fingerprint.startswith("0::") and len(fingerprint) > 10
    with Store(tmp_path / "state.db") as store:
        assert store.series.fingerprint(one.series.key) == fingerprint, "migrated once"


def test_series_parts_get_their_letter_in_all_tables(tmp_path: Path) -> None:
    with Store(state_of_0_1(tmp_path / "state.db")) as store:
        keys = [r.series.key for _, rs in store.series.studies() for r in rs]
        parts = sorted(key.part for key in keys)
        assert parts == ["", "", "p9d42aaf9", "pf097d24f"]
        assert all(store.series.fingerprint(SeriesKey(*key)) is not None for key in keys)
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_changes_of_version_0_1_are_kept(tmp_path: Path) -> None:
    path = state_of_0_1(tmp_path / "state.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        change = '["1.9", "archive/x", "gone", "glioma", ""]'
        connection.execute("INSERT INTO meta VALUES ('change:1.9', ?)", (change,))
    with Store(path) as store:
        assert [c.source for c in store.pending_export().changes.all()] == ["archive/x"]
        assert store.meta("change:1.9") is None


def test_a_migrated_state_remembers_which_studies_changed(tmp_path: Path) -> None:
    with Store(state_of_0_1(tmp_path / "state.db")) as store:
        assert list(store.unplanned) == []
        store.files.forget("archive/one")
        assert len(list(store.unplanned)) == 1


def test_a_migration_that_fails_leaves_the_state_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = state_of_0_1(tmp_path / "state.db")

    def fails(_: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("batchmri.state.migrations._move_changes", fails)
        with pytest.raises(KeyboardInterrupt):
            Store(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute(
            "SELECT count(*) FROM series WHERE part LIKE 'p%'"
        ).fetchone() == (0,)
    with Store(path) as store:
        assert store.revision >= 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
