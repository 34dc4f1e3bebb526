"""Extension points: everything that is chosen by name, and where it is implemented.

An implementation is registered by one line at the end of this module. A separate package registers
one without a change here, as an entry point in the group of the registry:

    [project.entry-points."batchmri.engines"]
    cluster = "my_package.engine:ClusterEngine"

Nothing is imported before it is used. See docs/extending.md.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from batchmri.errors import UsageError


class Registry:
    """Names, and the import paths (`module:attribute`) of what they stand for.

    A name of this module takes precedence over the same name in another package.
    """

    def __init__(self, group: str, **built_in: str) -> None:
        self.group = group
        self._built_in = {name: EntryPoint(name, path, group) for name, path in built_in.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._built_in or name in self._found()

    def names(self) -> tuple[str, ...]:
        """All names: those of this module in the order below, then those of other packages."""
        return tuple(self._found())

    def load(self, name: str) -> Any:
        """Import what `name` stands for.

        Raises UsageError for an unknown name, and if another package cannot be imported.
        """
        if name in self._built_in:
            return self._built_in[name].load()
        found = self._found()
        if name not in found:
            raise UsageError(f"{self.group}: {name} is not one of {', '.join(found)}")
        try:
            return found[name].load()
        except Exception as error:  # a plug-in may raise anything
            raise UsageError(
                f"{self.group}: {name} ({found[name].value}) cannot be imported: "
                f"{type(error).__name__}: {error}; repair or uninstall its package"
            ) from None

    def _found(self) -> dict[str, EntryPoint]:
        others = sorted(entry_points(group=self.group), key=lambda point: point.name)
        return self._built_in | {p.name: p for p in others if p.name not in self._built_in}


ENGINES = Registry("batchmri.engines", local="batchmri.pipeline.engines.local:LocalEngine")
