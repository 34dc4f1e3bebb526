"""What changed since the last run that changed anything, for changes.csv."""

from batchmri.state.changes import Change
from batchmri.state.store import Store


class Changes:
    """Collects the changes of this run.

    They replace those of the last run that changed anything, or are added to them if that run was
    interrupted: a study is then listed once, with its verdict before the interrupted run.
    """

    def __init__(self, store: Store) -> None:
        self._known = store.changes
        self._begun = False

    def add(self, new: Change) -> None:
        """Note the change of a study."""
        if not self._begun and not self._known.is_open:
            self._known.clear()
        self._begun = True
        earlier = self._known.get(new.uid)
        change = new if earlier is None else _merged(earlier, new)
        if change is None:
            self._known.drop(new.uid)
        else:
            self._known.put(change)

    def end(self, *, finished: bool) -> None:
        """Note whether the run came to its end."""
        if finished:
            self._known.is_open = False
        elif self._begun:
            self._known.is_open = True


def _merged(earlier: Change, later: Change) -> Change | None:
    """Two changes of a study as one; None where nothing is left of them."""
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
