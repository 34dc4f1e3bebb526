"""What the path of a NIfTI file says: BIDS entities, derivatives, label maps."""

import re

from batchmri.archive.naming import folder_of, name_of
from batchmri.archive.vocabulary import normalised

_ENDINGS = re.compile(r"\.(?:nii|hdr|img)(?:\.gz)?$", re.IGNORECASE)
_SUBJECT = re.compile(r"sub-[^/_.]+")
_SESSION = re.compile(r"ses-[^/_.]+")
_LABELS = re.compile(
    r"(?<![a-z0-9])(?:[a-z0-9]*masks?|d?segs?|segmentations?|labels?|aseg|aparc|parc|probseg)"
    r"(?![a-z0-9])"
)


def stem_of(source: str) -> str:
    """The file name without `.nii`, `.nii.gz`, `.hdr`, `.img`."""
    return _ENDINGS.sub("", name_of(source))


def description_of(source: str) -> str:
    """The file name without ending, and without the BIDS entities sub- and ses-."""
    parts = stem_of(source).split("_")
    kept = [part for part in parts if not (_SUBJECT.fullmatch(part) or _SESSION.fullmatch(part))]
    return "_".join(kept)


def subject_folder(source: str) -> str:
    """What joins the files of one visit: the path up to sub- and ses-, or nothing outside of BIDS.

    A file in derivatives/ belongs to the visit that it was made from.
    """
    *folders, name = source.split("/")
    subject = next((i for i, folder in enumerate(folders) if _SUBJECT.fullmatch(folder)), None)
    if subject is None:
        named = _SUBJECT.match(name)
        if named is None:
            return ""
        above, visit = folders, [named[0]]
    else:
        above, visit = folders[:subject], [folders[subject]]
        below = folders[subject + 1 : subject + 2]
        if below and _SESSION.fullmatch(below[0]):
            return "/".join((*_raw(above), *visit, *below))
    session = _SESSION.search(name)
    return "/".join((*_raw(above), *visit, *([session[0]] if session else [])))


def is_derivative(source: str) -> bool:
    """Whether it lies in a derivatives/ folder below its root."""
    return "derivatives" in folder_of(source).split("/")[1:]


def is_label_map(source: str) -> bool:
    """Whether its name says that it holds labels: a word such as mask, seg, dseg, labels."""
    return _LABELS.search(normalised(stem_of(source))) is not None


def _raw(folders: list[str]) -> list[str]:
    return folders[: folders.index("derivatives", 1)] if "derivatives" in folders[1:] else folders
