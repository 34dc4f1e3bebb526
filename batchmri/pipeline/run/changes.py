"""Changes of studies in the last run that changed anything, for changes.csv."""

from batchmri.state.changes import Change, ChangeIndex


class Changes:
    """Collects the changes of this run.

    They replace the changes of the last run that changed anything. If that run was interrupted,
    they are merged with its changes: each study is listed once, with its verdict before the
    interrupted run.
    """

    def __init__(self, index: ChangeIndex) -> None:
        self._index = index
        self._has_changes = False

    def add(self, new: Change) -> None:
        """Record the change of a study."""
        if not self._has_changes and not self._index.is_open:
            self._index.clear()
        self._has_changes = True
        earlier = self._index.get(new.uid)
        change = new if earlier is None else _merged(earlier, new)
        if change is None:
            self._index.drop(new.uid)
        else:
            self._index.put(change)

    def end(self, *, finished: bool) -> None:
        """Record whether the run finished."""
        if finished:
            self._index.is_open = False
        elif self._has_changes:
            self._index.is_open = True


def _merged(earlier: Change, later: Change) -> Change | None:
    """Merge two changes of a study; None if they cancel each other."""
    if earlier.change == "new" and later.change == "gone":
        return None
    kinds = {earlier.change, later.change}
    if later.change == "gone":
        kind = "gone"
    elif earlier.change == "new":
        kind = "new"
    elif kinds == {"verdict"}:
        kind = "verdict"
        if earlier.verdict_before == later.verdict:
            return None
    else:
        kind = "changed"
    return Change(later.uid, later.source, kind, earlier.verdict_before, later.verdict)
