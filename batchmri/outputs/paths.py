"""Paths of pictures relative to the output folder."""

import hashlib
import re

from batchmri.records import SeriesKey

# The first character must be a digit, since `..` consists of allowed characters as well.
_UID = re.compile(r"[0-9][0-9.]{0,63}")
_PART = re.compile(r"[0-9a-z]{0,64}")


def picture_path(key: SeriesKey, index: int) -> str:
    """Path of the overlay of one slice; its number counts from 1, as in captions.

    Raises ValueError for a UID or a part that is not safe in a path, as `montage_path` does.
    """
    if not _PART.fullmatch(key.part):
        raise ValueError(f"not a series part: {key.part!r}")
    series = _checked(key.series_uid) + (f"_{key.part}" if key.part else "")
    return f"{_folder(key.study_uid)}/{series}_{index + 1:04d}.png"


def montage_path(study_uid: str) -> str:
    """Path of the montage of a study."""
    return f"{_folder(study_uid)}/montage.png"


def dicom_folder(study_uid: str) -> str:
    """Folder of the DICOM objects of a study."""
    return _folder(study_uid, "dicom")


def _folder(study_uid: str, top: str = "gradcam") -> str:
    # Two hex digits spread the studies over 256 folders.
    digest = hashlib.blake2b(study_uid.encode(), digest_size=1).hexdigest()
    return f"{top}/{digest}/{_checked(study_uid)}"


def _checked(uid: str) -> str:
    if not _UID.fullmatch(uid):
        raise ValueError(f"not a UID that may become a path: {uid!r}")
    return uid
