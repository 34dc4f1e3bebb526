"""Archive: files → Instance → Series → which series to classify. Headers only, no torch.

label_roots, walk       folders → FileEntry, and a FileNote for what is no regular file
sniff                   what a file is, by its first bytes
read_headers            FileEntry → Instance, or a FileNote that says why not (in workers)
assemble                the Instances of one study → Study with its Series
sequence_of, select     which sequence a series is, and whether it is to be classified
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchmri.archive.assembly import assemble
    from batchmri.archive.geometry import display_of, plane_of
    from batchmri.archive.header import HeaderContext, read_headers
    from batchmri.archive.selection import select
    from batchmri.archive.sequences import sequence_of
    from batchmri.archive.sniffer import Kind, sniff
    from batchmri.archive.walker import label_roots, walk

_HOME = {
    "HeaderContext": "header",
    "Kind": "sniffer",
    "assemble": "assembly",
    "display_of": "geometry",
    "label_roots": "walker",
    "plane_of": "geometry",
    "read_headers": "header",
    "select": "selection",
    "sequence_of": "sequences",
    "sniff": "sniffer",
    "walk": "walker",
}

__all__ = [
    "HeaderContext",
    "Kind",
    "assemble",
    "display_of",
    "label_roots",
    "plane_of",
    "read_headers",
    "select",
    "sequence_of",
    "sniff",
    "walk",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
