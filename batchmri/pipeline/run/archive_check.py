"""Checks that stop a scan if the archive looks wrong: not mounted, emptied, or largely missing."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from batchmri.errors import ArchiveError, UsageError
from batchmri.reasons import Reason
from batchmri.state.store import Store
from batchmri.state.walk import Kept

_MAX_GONE_FRACTION = 0.2
_MIN_GONE_STUDIES = 3
_MIN_GONE_FILES = 50
# Reasons for files that contain no medical image, not even a damaged one.
_NO_IMAGE_REASONS = frozenset(
    {
        Reason.NOT_AN_IMAGE,
        Reason.EMPTY_FILE,
        Reason.IO_ERROR,
        Reason.SIDECAR,
        Reason.DICOMDIR,
        Reason.NO_PIXEL_DATA,
    }
)
_PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")


class Loss(NamedTuple):
    """Why a scan stops because of files that the walk did not find, and what to do."""

    what: str
    advice: str


def check_archive(store: Store, roots: Mapping[str, str], *, allow_shrink: bool) -> None:
    """Raise ArchiveError if a root lost all its files, or the archive more than a fifth of them.

    Files below a folder that cannot be read count as lost here, although their results are kept.
    The limit of a fifth applies only if at least 3 studies lost files, or if at least 50 files that
    belong to no study are gone, so that single studies can be deleted from a small archive.
    """
    if not allow_shrink and (loss := find_loss(store, roots)) is not None:
        raise ArchiveError(f"{loss.what}; nothing was changed; {loss.advice}")


def find_loss(store: Store, roots: Mapping[str, str]) -> Loss | None:
    """Compare the walk with the known files; None if the archive looks right."""
    gone = store.files.gone()
    if not gone.files:
        return None
    for label, path in roots.items():
        known = store.files.count(label)
        if known and not store.files.n_walked(label):
            return _unreadable(
                f"{path}: {known} files were known here, and none was found", store, roots, label
            ) or _gone(f"{path}: {known} files were known here, and none exists now (not mounted?)")
    known = store.files.count()
    enough = gone.studies >= _MIN_GONE_STUDIES or gone.in_no_study >= _MIN_GONE_FILES
    if enough and gone.files > _MAX_GONE_FRACTION * known:
        numbers = f"{gone.files} of {known} known files"
        return _unreadable(f"{numbers} were not found", store, roots) or _gone(
            f"{numbers} have disappeared"
        )
    return None


def _gone(what: str) -> Loss:
    return Loss(what, "--allow-shrink accepts this")


def _unreadable(
    what: str, store: Store, roots: Mapping[str, str], label: str | None = None
) -> Loss | None:
    """The loss if folders could not be read, in which case --allow-shrink does not help."""
    kept = store.files.kept(label)
    if kept is None:
        return None
    return Loss(f"{what}: {_why(kept, roots)}", "check the permissions and the mount")


def kept_results(store: Store, roots: Mapping[str, str]) -> str | None:
    """Say which results are kept although the walk did not reach their files; None if none are."""
    kept = store.files.kept()
    if kept is None:
        return None
    files = f"{kept.files} known file{'s' * (kept.files != 1)}"
    studies = f"{kept.studies} {'study' if kept.studies == 1 else 'studies'}"
    return (
        f"{files} of {studies} could not be found, and the earlier results are kept: "
        f"{_why(kept, roots)}"
    )


def _why(kept: Kept, roots: Mapping[str, str]) -> str:
    first = _path_of(kept.first, roots)
    if kept.places == 1:
        return f"{first} cannot be read ({kept.detail})"
    return f"{kept.places} files or folders cannot be read, first {first} ({kept.detail})"


def _path_of(source: str, roots: Mapping[str, str]) -> str:
    """The path of a file or folder of the walk."""
    for label, path in roots.items():
        if source == label or source.startswith(f"{label}/"):
            return path.rstrip("/") + source.removeprefix(label)
    return source


def check_images(store: Store, roots: Mapping[str, str], named: Collection[str]) -> None:
    """Raise UsageError if no root contains an image, or if a folder in `named` contains none.

    Roots that an earlier run accepted are not checked. The index of a refused root is deleted, so
    that the output can still be used for another root.
    """
    known = store.known_roots()
    new = {label: path for label, path in roots.items() if str(Path(path).absolute()) not in known}
    empty = {
        label: p for label, p in new.items() if not store.files.has_image(label, _NO_IMAGE_REASONS)
    }
    refused = [
        label
        for label, path in empty.items()
        if len(empty) == len(roots) or (path in named and Path(path).is_dir())
    ]
    if not refused:
        return
    n_files = store.files.count(refused[0])
    n_pictures = store.files.count_endings(refused[0], _PICTURE_SUFFIXES)
    for label in refused:
        store.files.forget(label)
    found = f"{n_files} file{'s' * (n_files != 1)}" if n_files else "the folder is empty"
    if n_pictures:
        found += f", {n_pictures} of them pictures such as JPEG or PNG: see `batchmri evaluate`"
    more = f", nor in {len(refused) - 1} other PATHs" if len(refused) > 1 else ""
    raise UsageError(f"{roots[refused[0]]}: no DICOM or NIfTI image found ({found}){more}")
