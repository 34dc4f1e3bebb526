"""The audit of a folder of labelled pictures: what a figure measured on it would hide.

    files        folders → Picture (reduced once), or OddFile
    duplicates   pictures → links between those that show the same image → groups
    persons      patients whose heads look like one person's
    shortcuts    how well size, border and grey levels alone tell the class
    splitting    train, val, test that no group crosses
    figures, tables, summary   what people get

Importing the package loads neither OpenCV nor scikit-learn.
"""

from typing import TYPE_CHECKING

from batchmri.lazy import exporter

if TYPE_CHECKING:
    from batchmri.training.audit.run import audit_data as audit_data

_HOMES = {"audit_data": "run"}
__all__ = list(_HOMES)

__getattr__ = exporter(__name__, _HOMES)
