"""Pixels: a series becomes slices as displayed, and slices what the network takes.

Importing the package loads neither torch nor MONAI: public names are found on first use.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "DecodeTask": "decode",
    "Decoded": "decode",
    "Refusal": "decode",
    "decode_many": "decode",
    "PreparationSettings": "prepare",
    "Prepared": "prepare",
    "brain_box": "brain_box",
    "map_to_picture": "uncrop",
    "prepare": "prepare",
    "prepare_mask": "prepare",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
