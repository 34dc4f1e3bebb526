"""What is drawn together in a bootstrap: all pictures of one patient, person or image."""

from collections.abc import Sequence

import numpy as np

from batchmri.audit.grouping import joined
from batchmri.audit.splitting import together
from batchmri.evaluation.intervals import Ints
from batchmri.evaluation.leaks import LeakCheck
from batchmri.training.table import Row


def groups_of(rows: Sequence[Row], leaks: LeakCheck) -> tuple[Ints, str]:
    """The group of each row, and in words what was grouped by.

    Patients of the table, images and persons of a leak check, and the volumes that slices are of;
    what is linked by any of them is one group. A row without any stands alone.
    """
    columns = {
        "patient": [f"{row.source}\0{row.patient}" if row.patient else "" for row in rows],
        "person": leaks.persons,
        "duplicate group": leaks.images,
        "volume": [str(row.file) if row.slice is not None else "" for row in rows],
    }
    told = {name: column for name, column in columns.items() if any(column)}
    alone = joined(len(rows), ())
    groups = together(alone, list(told.values()))
    if not told:
        return groups, "pictures (nothing says which belong together)"
    how_many = len(np.unique(groups))
    return groups, f"{how_many} groups of {len(rows)} pictures by {', '.join(told)}"
