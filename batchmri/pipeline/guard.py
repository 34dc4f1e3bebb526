"""An archive that looks wrong changes nothing: not mounted, emptied, or much of it gone."""

from collections.abc import Mapping

from batchmri.errors import ArchiveError
from batchmri.state import Store

_MOST_GONE = 0.2
_FEWEST_STUDIES = 3
_FEWEST_FILES = 50


def check_archive(store: Store, roots: Mapping[str, str], *, allow_shrink: bool) -> None:
    """Raise ArchiveError if a root lost all of its files, or the archive over a fifth of them.

    The fifth does not count while fewer than 3 studies lost a file and fewer than 50 files of no
    study are gone: somebody who deletes one of three studies means it.
    """
    if allow_shrink:
        return
    way_out = "nothing was changed; --allow-shrink takes it as it is"
    for label, path in roots.items():
        known = store.files.count(label)
        if known and not store.files.n_walked(label):
            raise ArchiveError(
                f"{path}: {known} files were known here and none is left (not mounted?); {way_out}"
            )
    known, gone = store.files.count(), store.files.gone()
    many = gone.studies >= _FEWEST_STUDIES or gone.in_no_study >= _FEWEST_FILES
    if many and gone.files > _MOST_GONE * known:
        raise ArchiveError(f"{gone.files} of {known} known files are gone; {way_out}")
