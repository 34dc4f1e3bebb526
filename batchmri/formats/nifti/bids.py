"""Interpret the path of a NIfTI file: BIDS entities, derivatives, label maps."""

import re
from collections.abc import Iterator
from itertools import combinations

from batchmri.identifiers import BIDS_SUBJECT, folder_of, name_of
from batchmri.terms.body_part import normalized

_EXTENSIONS = re.compile(r"\.(?:nii|hdr|img)(?:\.gz)?$", re.IGNORECASE)
_SESSION = re.compile(r"ses-[^/_.]+")
_MAX_ENTITIES = 5  # without sub- and ses-; each further one doubles the number of names to try
_LABELS = re.compile(
    r"(?<![a-z0-9])(?:[a-z0-9]*masks?|d?segs?|segmentations?|labels?|aseg|aparc|parc|probseg)"
    r"(?![a-z0-9])"
)


def stem_of(source: str) -> str:
    """Return the file name without `.nii`, `.nii.gz`, `.hdr`, `.img`."""
    return _EXTENSIONS.sub("", name_of(source))


def description_of(source: str) -> str:
    """Return the file name without extension and without the BIDS entities sub- and ses-."""
    parts = stem_of(source).split("_")
    kept = [
        part for part in parts if not (BIDS_SUBJECT.fullmatch(part) or _SESSION.fullmatch(part))
    ]
    return "_".join(kept)


def sidecar_stems(path: str, depth: int) -> Iterator[str]:
    """Yield paths, without extension, of the sidecars that may apply to an image, nearest first.

    The first is the sidecar with the name of the image. In a BIDS tree, sidecars with its suffix
    and some of its entities follow, from the folders above, up to the one that contains sub-
    (inheritance principle). `depth` is the number of folders in the path from the root to the
    image; folders above the root are not searched. In the folder of the image, a sidecar with fewer
    entities belongs to another image.
    """
    *above, name = path.split("/")
    yield "/".join((*above, stem_of(name)))
    *entities, suffix = stem_of(name).split("_")
    lowest = max(0, len(above) - depth)
    subject = next((i for i in range(lowest, len(above)) if BIDS_SUBJECT.fullmatch(above[i])), None)
    if subject is None:
        return
    optional = [one for one in entities if one not in above[subject:]][:_MAX_ENTITIES]
    for end in range(len(above) - 1, max(subject, lowest + 1) - 1, -1):
        folders = above[:end]
        given = folders[subject:]
        for size in range(len(optional), -1, -1):
            for chosen in combinations(optional, size):
                kept = [one for one in entities if one in given or one in chosen]
                yield "/".join((*folders, "_".join((*kept, suffix))))


def subject_folder(source: str) -> str:
    """Return the path down to the folders sub- and ses-, which all files of one visit share.

    Empty outside BIDS. A file in derivatives/ belongs to the visit that it was derived from.
    """
    *folders, name = source.split("/")
    subject = next((i for i, folder in enumerate(folders) if BIDS_SUBJECT.fullmatch(folder)), None)
    if subject is None:
        named = BIDS_SUBJECT.match(name)
        if named is None:
            return ""
        above, visit = folders, [named[0]]
    else:
        above, visit = folders[:subject], [folders[subject]]
        below = folders[subject + 1 : subject + 2]
        if below and _SESSION.fullmatch(below[0]):
            return "/".join((*_without_derivatives(above), *visit, *below))
    session = _SESSION.search(name)
    return "/".join((*_without_derivatives(above), *visit, *([session[0]] if session else [])))


def is_derivative(source: str) -> bool:
    """Return whether a file is in a derivatives/ folder below its root."""
    return "derivatives" in folder_of(source).split("/")[1:]


def is_label_map(source: str) -> bool:
    """Return whether the file name says that it contains labels (mask, seg, dseg, labels …)."""
    return _LABELS.search(normalized(stem_of(source))) is not None


def _without_derivatives(folders: list[str]) -> list[str]:
    return folders[: folders.index("derivatives", 1)] if "derivatives" in folders[1:] else folders
