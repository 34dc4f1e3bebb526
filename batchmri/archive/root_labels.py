"""Labels of the roots, the folders and files to be scanned: how every `source` begins."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from batchmri.identifiers import BIDS_SUBJECT, escape

_NONE: Mapping[str, str] = MappingProxyType({})


def label_roots(
    paths: Sequence[str], named: Mapping[str, str] = _NONE, known: Mapping[str, str] = _NONE
) -> dict[str, str]:
    """Return a mapping of label to path.

    The label of a folder is its name, made unique by the suffixes `-2`, `-3`, … in the order of
    `paths`. The label of a file is its `source`: the label of the folder around it
    (`folder_around`), and the path below that folder. Folders around files are labeled after the
    scanned folders, in the order of their paths.

    `named` (label to path) contains labels that the user chose for some paths, or for folders
    around files. `known` (real path to label) contains the labels of folders around files in
    earlier runs. A path that occurs twice, or inside another one, is walked once.
    """
    real = {path: os.path.realpath(path) for path in paths}
    chosen = {os.path.realpath(path): label for label, path in named.items()}
    folders, files = _without_repetitions(real)
    roots: dict[str, str] = {}
    used, numbers = set(named), Counter[str]()
    for path in folders:
        # Not resolve(): that would use the name of a link's target.
        label = chosen.get(real[path]) or _new_label(Path(os.path.abspath(path)), used, numbers)  # noqa: PTH100
        roots[label] = path
    own = {folder: label for folder, label in chosen.items() if label not in roots}
    around = {path: folder_around(path) for path in files if real[path] not in chosen}
    labels = _label_folders(around.values(), own, known, used, numbers)
    for path, folder in around.items():
        below = Path(absolute(path)).relative_to(folder).parts
        roots["/".join((labels[os.path.realpath(folder)], *map(escape, below)))] = path
    return roots | {chosen[real[path]]: path for path in files if real[path] in chosen}


def folder_around(path: str) -> str:
    """Return the folder whose scan would give a file the same `source`: its parent folder.

    For a file of a BIDS dataset, it is the folder that contains the folder of its subject. The
    parent folder is named anat for every subject, and does not contain all files of a visit.
    """
    file = Path(absolute(path))
    if subject := BIDS_SUBJECT.match(file.name):
        for folder in file.parents:
            if folder.name == subject[0]:
                return str(folder.parent)
    return str(file.parent)


def labels_around(roots: Mapping[str, str]) -> dict[str, str]:
    """Return the label of each folder (real path) around a root that is a file."""
    return {
        os.path.realpath(folder_around(path)): label.partition("/")[0]
        for label, path in roots.items()
        if "/" in label
    }


def absolute(path: str) -> str:
    """The absolute path, without `..` unless that would lead elsewhere because of a link."""
    clean = os.path.abspath(path)  # noqa: PTH100
    return (
        clean if os.path.realpath(clean) == os.path.realpath(path) else str(Path(path).absolute())
    )


def _without_repetitions(real: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the folders in the given order, and the files in the order of their paths.

    A link to another path in the list is left out, whatever the order.
    """
    every = set(real.values())
    outermost = [
        path
        for path, target in real.items()
        if every.isdisjoint(str(folder) for folder in Path(target).parents)
    ]
    files = {path: absolute(path) for path in outermost if Path(path).is_file()}
    ordered = sorted(files, key=lambda path: (files[path] != real[path], files[path], path))
    folders = [path for path in outermost if path not in files]
    return _first_per_target(folders, real), _first_per_target(ordered, real)


def _first_per_target(paths: Iterable[str], real: Mapping[str, str]) -> list[str]:
    first: dict[str, str] = {}
    for path in paths:
        first.setdefault(real[path], path)
    return list(first.values())


def _label_folders(
    folders: Iterable[str],
    chosen: Mapping[str, str],
    known: Mapping[str, str],
    used: set[str],
    numbers: Counter[str],
) -> dict[str, str]:
    """Return the labels of folders by real path: chosen, known or new; adds them to `used`."""
    spelled: dict[str, str] = {}
    for folder in sorted(set(folders)):
        spelled.setdefault(os.path.realpath(folder), folder)
    labels = {folder: chosen[folder] for folder in spelled if folder in chosen}
    for folder in spelled:
        if folder not in labels and folder in known and known[folder] not in used:
            labels[folder] = known[folder]
            used.add(known[folder])
    # A folder that exists, but of which no file is listed this time, keeps its label.
    used |= {known[folder] for folder in known.keys() - spelled if os.path.exists(folder)}  # noqa: PTH110
    for folder, path in spelled.items():
        if folder not in labels:
            labels[folder] = _new_label(Path(path), used, numbers)
    return labels


def _new_label(folder: Path, used: set[str], numbers: Counter[str]) -> str:
    """Return the name of a folder with the next suffix that is free, and add it to `used`."""
    name = escape(folder.name) or "root"
    label = ""
    while not label or label in used:
        numbers[name] += 1
        label = name if numbers[name] == 1 else f"{name}-{numbers[name]}"
    used.add(label)
    return label
