"""Extension points: everything that is chosen by name, and where it is implemented.

An implementation is registered by one line at the end of this module. A separate package registers
one without a change here, as an entry point in the group of the registry:

    [project.entry-points."batchmri.engines"]
    cluster = "my_package.engine:ClusterEngine"

Nothing is imported before it is used, and the installed packages are searched once per process. See
docs/extending.md.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from batchmri.errors import UsageError


class Registry:
    """Names and the import paths (`module:attribute`) of their implementations.

    A name registered in this module takes precedence over the same name in another package.
    """

    def __init__(self, group: str, **built_in: str) -> None:
        self.group = group
        self._built_in = built_in

    def __contains__(self, name: str) -> bool:
        return name in self._built_in or name in self.others()

    @property
    def built_in(self) -> tuple[str, ...]:
        """The names registered in this module, in their order."""
        return tuple(self._built_in)

    def others(self) -> dict[str, str]:
        """Names and import paths registered by other packages, sorted by name."""
        found = registered().get(self.group, {})
        return {name: found[name] for name in sorted(found) if name not in self._built_in}

    def versions(self) -> list[str]:
        """Name, import path and package version of each implementation of another package."""
        if not self.others():
            return []
        from importlib.metadata import entry_points

        points = entry_points(group=self.group)
        return sorted(f"{p.name} {p.value} {p.dist.version if p.dist else ''}" for p in points)

    def names(self) -> tuple[str, ...]:
        """All names: those registered in this module, then those of other packages."""
        return (*self._built_in, *self.others())

    def load(self, name: str) -> Any:
        """Import the implementation of `name`.

        Raises UsageError for an unknown name, and if another package cannot be imported.
        """
        if name in self._built_in:
            return _imported(self._built_in[name])
        others = self.others()
        if name not in others:
            raise UsageError(f"{self.group}: {name} is not one of {', '.join(self.names())}")
        try:
            return _imported(others[name])
        except Exception as error:  # a plug-in may raise anything
            raise UsageError(
                f"{self.group}: {name} ({others[name]}) cannot be imported: "
                f"{type(error).__name__}: {error}; repair or uninstall its package"
            ) from None


@cache
def registered() -> Mapping[str, Mapping[str, str]]:
    """Names and import paths in the groups of this package, registered by any installed package."""
    from importlib.metadata import entry_points  # takes longer to import than this package

    found = entry_points()
    return {
        group: {point.name: point.value for point in found.select(group=group)}
        for group in found.groups
        if group.startswith("batchmri.")
    }


def _imported(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


READERS = Registry(
    "batchmri.readers",
    dicom="batchmri.formats.dicom.reader:DicomReader",
    nifti="batchmri.formats.nifti.reader:NiftiReader",
)
SELECTION_RULES = Registry("batchmri.selection_rules")
BACKENDS = Registry(
    "batchmri.backends",
    openvino="batchmri.model.backends.openvino:OpenVINOBackend",
    torch="batchmri.model.backends.torch:TorchBackend",
)
ENGINES = Registry(
    "batchmri.engines",
    local="batchmri.pipeline.engines.local:LocalEngine",
    ray="batchmri.pipeline.engines.ray:RayEngine",
)
DICOM_OBJECTS = Registry(
    "batchmri.dicom_objects",
    sr="batchmri.outputs.dicom.report:KIND",
    sc="batchmri.outputs.dicom.capture:KIND",
    kos="batchmri.outputs.dicom.key_images:KIND",
    pm="batchmri.outputs.dicom.parametric_map:KIND",
)
SINKS = Registry(
    "batchmri.sinks",
    csv="batchmri.outputs.tables.csv:CsvTables",
    parquet="batchmri.outputs.tables.parquet:ParquetTables",
    jsonl="batchmri.outputs.tables.jsonl:JsonLines",
    html="batchmri.outputs.html.sink:HtmlReport",
)
