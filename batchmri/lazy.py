"""Public names of a package, found on first use: importing it loads nothing heavy.

A module must not have the name of a public name of its package, which it would hide once it is
imported.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def exporter(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose public names live in these modules of it."""

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = import_module(f"{package}.{homes[name]}")
        except AttributeError as error:
            # `from package import name` would replace it by "cannot import name".
            raise ImportError(f"{package}.{homes[name]}: {error}") from error
        return getattr(module, name)

    return get
