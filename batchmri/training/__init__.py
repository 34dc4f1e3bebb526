"""Training: from a table of labelled pictures to a checkpoint and its card.

Importing the package loads no torch: public names are found on first use.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "TrainSettings": "settings",
    "build_table": "sources",
    "read_data": "table",
    "read_table": "table",
    "train": "run",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
