"""Paths of pictures relative to the output folder."""

import hashlib
import re
from dataclasses import dataclass

from batchmri.records import SeriesKey

# The first character must be a digit, since `..` consists of allowed characters as well.
_UID = re.compile(r"[0-9][0-9.]{0,63}")
_PART = re.compile(r"[0-9a-z]{0,64}")


def picture_path(key: SeriesKey, index: int) -> str:
    """Path of the overlay of one slice; its number counts from 1, as in captions.

    Raises ValueError for a UID or a part that is not safe in a path, as `montage_path` does.
    """
    return f"{_series(key)}_{index + 1:04d}.png"


def heatmap_path(key: SeriesKey) -> str:
    """Path of the NIfTI heat map of a series; raises ValueError as `picture_path` does."""
    return f"{_series(key)}_heatmap.nii.gz"


@dataclass(frozen=True, slots=True)
class StripPaths:
    """Paths of the image strips of a series for the HTML report (`outputs.strips`)."""

    slices: str
    heat: str
    thumbnail: str

    @property
    def all(self) -> tuple[str, str, str]:
        """All paths."""
        return self.slices, self.heat, self.thumbnail


def strip_paths(key: SeriesKey) -> StripPaths:
    """Paths of the strips of a series; raises ValueError as `picture_path` does."""
    series = _series(key)
    return StripPaths(f"{series}_slices.jpg", f"{series}_heat.png", f"{series}_thumb.jpg")


def montage_path(study_uid: str) -> str:
    """Path of the montage of a study."""
    return f"{_folder(study_uid)}/montage.png"


def dicom_folder(study_uid: str) -> str:
    """Folder of the DICOM objects of a study."""
    return f"dicom/{study_path(study_uid)}"


def parametric_map_path(key: SeriesKey) -> str:
    """Path of the Parametric Map of a series; raises ValueError as `picture_path` does."""
    return f"{dicom_folder(key.study_uid)}/pm-{_series_name(key)}.dcm"


def study_path(study_uid: str) -> str:
    """A folder of a study, such as `ab/1.2.3`; two hex digits spread studies over 256 folders."""
    digest = hashlib.blake2b(study_uid.encode(), digest_size=1).hexdigest()
    return f"{digest}/{_checked(study_uid)}"


def _folder(study_uid: str) -> str:
    return f"gradcam/{study_path(study_uid)}"


def _series(key: SeriesKey) -> str:
    return f"{_folder(key.study_uid)}/{_series_name(key)}"


def _series_name(key: SeriesKey) -> str:
    if not _PART.fullmatch(key.part):
        raise ValueError(f"not a series part: {key.part!r}")
    return _checked(key.series_uid) + (f"_{key.part}" if key.part else "")


def _checked(uid: str) -> str:
    if not _UID.fullmatch(uid):
        raise ValueError(f"not a UID that may become a path: {uid!r}")
    return uid
