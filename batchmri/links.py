"""Decide which symbolic links may be read under their own name."""

import os
from pathlib import Path

STORES = frozenset((".git", ".datalad", ".dvc", ".hg", ".svn", ".bzr"))
"""Folders (or files) in which version control systems store content without file names."""


def contains(folder: str, path: str) -> bool:
    """Return whether `path` is `folder` or inside it; both are real paths."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def is_in_store(root: str, path: str) -> bool:
    """Return whether a path below a root is in a folder of version control, such as git-annex."""
    return not STORES.isdisjoint(path.removeprefix(root).split("/"))


def may_open(path: str, image: str, depth: int) -> bool:
    """Return whether a file that belongs to an image, such as its sidecar, may be read.

    A link may be read if its target is inside the root, which is `depth` folders above the image,
    or if the image itself is a link out of the root that the walk followed.
    """
    if not Path(path).is_symlink():
        return True
    parts = image.split("/")
    root = os.path.realpath("/".join(parts[: len(parts) - max(depth, 1)]) or image[:1] or ".")
    return contains(root, os.path.realpath(path)) or not contains(root, os.path.realpath(image))
