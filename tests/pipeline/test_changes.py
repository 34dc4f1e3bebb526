from pathlib import Path

import pytest

from batchmri.pipeline.changes import Changes
from batchmri.state.changes import Change
from batchmri.state.store import Store


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
            changes = Changes(store)
            changes.add(one)
            changes.end(finished=False)
        assert store.changes.get("1.1") == merged
        Changes(store).end(finished=True)
        assert store.changes.get("1.1") == merged, "a run that changes nothing leaves them"
        changes = Changes(store)
        changes.add(change("new", uid="1.2"))
        assert list(store.changes.all()) == [change("new", uid="1.2")]
