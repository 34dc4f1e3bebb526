"""Bootstrap groups: all images of one patient, person, volume or duplicate group."""

from collections.abc import Sequence

import numpy as np

from batchmri.audit.grouping import joined
from batchmri.audit.splitting import together
from batchmri.evaluation.intervals import Ints
from batchmri.evaluation.leaks import LeakCheck
from batchmri.training.table import Row


def groups_of(rows: Sequence[Row], leaks: LeakCheck) -> tuple[Ints, str]:
    """Return the group number of each row (n,) and a description of the grouping.

    Rows are in the same group if they share the patient of the table, the duplicate group or
    person of the leak check, or the volume that they are slices of. A row that shares none of
    these forms a group alone.
    """
    columns = {
        "patient": [f"{row.source}\0{row.patient}" if row.patient else "" for row in rows],
        "person": leaks.persons,
        "duplicate group": leaks.images,
        "volume": [str(row.file) if row.slice is not None else "" for row in rows],
    }
    known = {name: column for name, column in columns.items() if any(column)}
    ungrouped = joined(len(rows), ())
    groups = together(ungrouped, list(known.values()))
    if not known:
        return groups, "images (no information on which ones belong together)"
    n_groups = len(np.unique(groups))
    return groups, f"{n_groups} groups of {len(rows)} images by {', '.join(known)}"
