"""An archive that looks wrong changes nothing: not mounted, emptied, or much of it gone."""

from collections.abc import Mapping

from batchmri.errors import ArchiveError
from batchmri.state import Store

_MOST_GONE = 0.2


def check_archive(store: Store, roots: Mapping[str, str], *, allow_shrink: bool) -> None:
    """Raise ArchiveError where a root lost all its files, or the archive a fifth of them."""
    if allow_shrink:
        return
    way_out = "nothing was changed; --allow-shrink takes it as it is"
    for label, path in roots.items():
        known = store.files.count(label)
        if known and not store.files.n_walked(label):
            raise ArchiveError(
                f"{path}: {known} files were known here and none is left (not mounted?); {way_out}"
            )
    known, gone = store.files.count(), store.files.n_gone()
    if known and gone > _MOST_GONE * known:
        raise ArchiveError(f"{gone} of {known} known files are gone; {way_out}")
