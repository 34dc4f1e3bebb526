from pathlib import Path

import pytest

from batchmri.pipeline.run.changes import Changes
from batchmri.state.changes import Change
from batchmri.state.store import Store
from batchmri.state.studies import ExportedStudy


def change(kind: str, before: str = "", now: str = "", uid: str = "1.1") -> Change:
    return Change(uid, "archive/a", kind, before, now)


@pytest.mark.parametrize(
    ("recorded", "merged"),
    [
        ([change("new", "", "glioma")], change("new", "", "glioma")),
        (
            [change("new", "", "glioma"), change("verdict", "glioma", "notumor")],
            change("new", "", "notumor"),
        ),
        ([change("new", "", "glioma"), change("gone", "glioma", "")], None),
        (
            [change("changed", "a", "b"), change("verdict", "b", "c")],
            change("changed", "a", "c"),
        ),
        ([change("verdict", "a", "b"), change("verdict", "b", "a")], None),
        ([change("verdict", "a", "b"), change("gone", "b", "")], change("gone", "a", "")),
        ([change("gone", "a", ""), change("new", "", "b")], change("changed", "a", "b")),
    ],
)
def test_changes_of_interrupted_runs_are_merged(
    tmp_path: Path, recorded: list[Change], merged: Change | None
) -> None:
    with Store(tmp_path / "state.db") as store:
        for one in recorded:
            pending = store.pending_export()
            changes = Changes(pending.changes)
            changes.add(one)
            changes.end(finished=False)
            pending.commit({})
        pending = store.pending_export()
        assert pending.changes.get("1.1") == merged
        Changes(pending.changes).end(finished=True)
        assert pending.changes.get("1.1") == merged, "a run that changes nothing leaves them"
        changes = Changes(pending.changes)
        changes.add(change("new", uid="1.2"))
        assert list(pending.changes.all()) == [change("new", uid="1.2")]


def test_changes_of_an_export_that_fails_are_forgotten(tmp_path: Path) -> None:
    with Store(tmp_path / "state.db") as store:
        pending = store.pending_export()
        Changes(pending.changes).add(change("new", "", "glioma"))
        pending.put(ExportedStudy("1.1", "a", "v", "glioma", ""))
        again = store.pending_export()
        assert list(again.changes.all()) == []
        again.commit({})
        assert store.studies.get("1.1") is None


def test_a_commit_deletes_only_studies_that_are_gone_and_closes_a_finished_run() -> None:
    with Store(None) as store:
        for finished in (False, True):
            pending = store.pending_export()
            changes = Changes(pending.changes)
            for uid in ("1.1", "1.2"):
                pending.put(ExportedStudy(uid, "a", "v", "glioma", ""))
                changes.add(change("verdict", "notumor", "glioma", uid))
            if finished:
                pending.drop("1.1")
                changes.add(change("gone", "glioma", "", "1.1"))
            changes.end(finished=finished)
            pending.commit({})
            assert store.changes_are_open is not finished
        assert store.studies.get("1.1") is None
        assert store.studies.get("1.2") == ExportedStudy("1.2", "a", "v", "glioma", "")
        assert store.pending_export().changes.get("1.1") == change("gone", "notumor", "")
