"""The classifier: prepared slices to class maps, features and scores. The model, nothing else.

Importing the package loads no torch: public names are found on first use.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Backend": "backends.base",
    "Card": "card",
    "Chosen": "backends.select",
    "ClassMapNetwork": "network",
    "choose": "backends.select",
    "load_backend": "backends.select",
    "load_checkpoint": "checkpoint",
    "probabilities": "calibration",
    "read_card": "checkpoint",
    "save_checkpoint": "checkpoint",
    "SHIPPED": "checkpoint",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
