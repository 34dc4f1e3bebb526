"""Archive: files → Instance → Series → which series to classify. Headers only, no torch.

label_roots, walk       folders → FileEntry, and a FileNote for what is no regular file
sniff                   what a file is, by its first bytes
read_headers            FileEntry → Instance, or a FileNote that says why not (in workers)
assemble                the Instances of one study → Study with its Series
sequence_of, select     which sequence a series is, and whether it is to be classified
"""

from typing import TYPE_CHECKING

from batchmri.lazy import exporter

if TYPE_CHECKING:
    from batchmri.archive.assembly import assemble as assemble
    from batchmri.archive.geometry import display_of as display_of
    from batchmri.archive.geometry import plane_of as plane_of
    from batchmri.archive.header import HEADER_VERSION as HEADER_VERSION
    from batchmri.archive.header import HeaderContext as HeaderContext
    from batchmri.archive.header import read_headers as read_headers
    from batchmri.archive.selection import select as select
    from batchmri.archive.sequences import sequence_of as sequence_of
    from batchmri.archive.sniffer import Kind as Kind
    from batchmri.archive.sniffer import sniff as sniff
    from batchmri.archive.walker import label_roots as label_roots
    from batchmri.archive.walker import walk as walk

_HOME = {
    "HEADER_VERSION": "header",
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
__all__ = list(_HOME)
__getattr__ = exporter(__name__, _HOME)
