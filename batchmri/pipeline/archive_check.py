"""An archive that looks wrong changes nothing: not mounted, emptied, or much of it gone."""

from collections.abc import Collection, Mapping
from pathlib import Path

from batchmri.errors import ArchiveError, UsageError
from batchmri.reasons import Reason
from batchmri.state.store import Store

_MOST_GONE = 0.2
_FEWEST_STUDIES = 3
_FEWEST_FILES = 50
# Reasons of files in which no image was found, not even a damaged one.
_NO_IMAGE = frozenset(
    {
        Reason.NOT_AN_IMAGE,
        Reason.EMPTY_FILE,
        Reason.IO_ERROR,
        Reason.SIDECAR,
        Reason.DICOMDIR,
        Reason.NO_PIXEL_DATA,
        Reason.UNSUPPORTED_FORMAT,
    }
)
_PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")


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


def check_images(store: Store, roots: Mapping[str, str], named: Collection[str]) -> None:
    """Raise UsageError if no root contains an image, or a folder among `named` does not.

    Roots that an earlier run accepted are left out. What was indexed of a refused root is
    forgotten, so that the output can still be used for another one.
    """
    known = store.known_roots()
    new = {label: path for label, path in roots.items() if str(Path(path).absolute()) not in known}
    empty = {label: p for label, p in new.items() if not store.files.has_image(label, _NO_IMAGE)}
    refused = [
        label
        for label, path in empty.items()
        if len(empty) == len(roots) or (path in named and Path(path).is_dir())
    ]
    if not refused:
        return
    n_files = store.files.count(refused[0])
    n_pictures = store.files.count_endings(refused[0], _PICTURE_ENDINGS)
    for label in refused:
        store.files.forget(label)
    found = f"{n_files} file{'s' * (n_files != 1)}" if n_files else "empty"
    if n_pictures:
        found += f", {n_pictures} of them pictures such as JPEG or PNG: see `batchmri evaluate`"
    more = f", nor in {len(refused) - 1} other PATHs" if len(refused) > 1 else ""
    raise UsageError(f"{roots[refused[0]]}: no DICOM or NIfTI image found ({found}){more}")
