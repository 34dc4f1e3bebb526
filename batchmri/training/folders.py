"""Labeled images in one folder per class, optionally inside one folder per split."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from batchmri.errors import UsageError

FolderSplit = Literal["train", "val", "test"]
IMAGE_SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))
_SPLITS: dict[str, FolderSplit] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
_LITTER = frozenset(
    ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin",
     "system volume information", "lost+found")
)  # fmt: skip
VAL_STEP = 10
_log = logging.getLogger(__name__)


class Labeled(NamedTuple):
    """An image file with its class and split."""

    file: Path
    label: str
    split: FolderSplit


def find_images(folder: Path, val_step: int = VAL_STEP) -> list[Labeled]:
    """Find the images of a folder for training.

    Without a val folder, every `val_step`-th train image of each class is assigned to val. Raises
    UsageError for a class folder without images.
    """
    found = images_in(folder)
    if any(image.split == "val" for image in found):
        return found
    _log.warning(
        "%s: no folder for val, so one in %d images of train is used; if images are duplicated, "
        "validation is too optimistic (see batchmri data audit)",
        folder,
        val_step,
    )
    return list(_with_val(found, val_step))


def images_in(folder: Path) -> list[Labeled]:
    """Find the images in FOLDER/class/ (all train) or FOLDER/split/class/, ordered by path.

    Hidden files, files of the operating system (`is_system_file`) and files without an image suffix
    are ignored. Raises UsageError for a class folder without images.
    """
    folders = _subfolders(folder)
    splits = [path for path in folders if path.name.lower() in _SPLITS]
    if splits:
        for other in sorted(set(folders) - set(splits)):
            _log.warning("%s: ignored, since its name is not that of a split", other)
        parts = [
            (_SPLITS[path.name.lower()], label) for path in splits for label in _subfolders(path)
        ]
    else:
        parts = [("train", label) for label in folders]
    found = [Labeled(file, label.name, split) for split, label in parts for file in _images(label)]
    if not found:
        raise UsageError(f"folder {folder}: contains no class folders with images")
    return found


def has_split_folders(folder: Path) -> bool:
    """Whether a folder has one folder per split."""
    return any(path.name.lower() in _SPLITS for path in _subfolders(folder))


def _subfolders(folder: Path) -> list[Path]:
    try:
        return [path for path in _by_name(folder) if path.is_dir()]
    except OSError as error:
        raise UsageError(f"folder {folder}: cannot be read ({error.strerror})") from None


def _images(label: Path) -> list[Path]:
    try:
        files = [path for path in _by_name(label) if path.is_file()]
    except OSError as error:
        raise UsageError(f"folder {label}: cannot be read ({error.strerror})") from None
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise UsageError(f"class folder {label}: contains no images")
    if len(images) < len(files):
        _log.warning("%s: %d files are not images", label, len(files) - len(images))
    return images


def _by_name(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not is_system_file(path.name))


def is_system_file(name: str) -> bool:
    """Whether a file name is hidden or one that operating systems or archivers create."""
    return name.startswith(".") or name.lower() in _LITTER


def _with_val(found: Sequence[Labeled], val_step: int) -> Iterator[Labeled]:
    seen: dict[str, int] = {}
    for image in found:
        if image.split == "train":
            place = seen[image.label] = seen.get(image.label, -1) + 1
            if place % val_step == val_step - 1:
                image = image._replace(split="val")
        yield image
