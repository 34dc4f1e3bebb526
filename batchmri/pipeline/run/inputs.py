"""Conversion of the PATH arguments to labeled roots of the archive."""

import codecs
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from batchmri.archive.root_labels import label_roots
from batchmri.errors import ArchiveError, UsageError
from batchmri.state.store import Store

_UTF_16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def find_roots(
    paths: Sequence[str | Path],
    database: Path | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Map labels to the paths of the roots; `-` reads paths from standard input, one per line.

    `labels` (label → path) replace the folder names. Raises UsageError for a path that does not
    exist, or ArchiveError if an earlier run that `database` records scanned this path.
    """
    given = [line for path in paths for line in _expand(path)]
    if not given:
        raise UsageError("no PATH given: name a folder or a file to scan")
    for path in given:
        if not path.strip():
            raise UsageError("an empty PATH was given: name a folder or a file to scan")
        if not Path(path).exists():
            if str(Path(path).absolute()) in _known_roots(database):
                raise ArchiveError(
                    f"{path}: was scanned before, but does not exist now (not mounted?)"
                )
            shown = path if path.isprintable() and path == path.strip() else repr(path)
            raise UsageError(f"{shown}: no such file or folder")
    roots = label_roots(given, labels or {})
    for label, path in (labels or {}).items():
        if not any(root.partition("/")[0] == label for root in roots):
            raise UsageError(
                f"root label {label}={path}: not one of the scanned PATHs, or within another"
            )
    return roots


def with_known_labels(
    roots: Mapping[str, str], labels: Mapping[str, str], known: Mapping[str, str]
) -> dict[str, str]:
    """Return the roots with the labels that folders around listed files had in earlier runs.

    `labels` are those of `find_roots`, `known` contains the labels by the real path of the folder.
    """
    return label_roots(list(roots.values()), labels, known) if known else dict(roots)


def check_output(roots: Mapping[str, str], output: Path) -> None:
    """Raise UsageError if a root is the output folder or inside it."""
    for root in roots.values():
        if _is_within(Path(root), output):
            raise UsageError(
                f"--out {output}: contains the scanned PATH {root}, which would be excluded; "
                "choose another folder"
            )


def root_around(roots: Mapping[str, str], output: Path) -> str | None:
    """The scanned PATH that contains the output folder; None if there is none."""
    return next((root for root in roots.values() if _is_within(output, Path(root))), None)


def check_outside(roots: Mapping[str, str], output: Path, flag: str, path: Path | None) -> None:
    """Raise UsageError if `path`, a file or folder to write, is in a root but not in the output."""
    if path is None or _is_within(path, output):
        return
    for root in roots.values():
        if _is_within(path, Path(root)):
            raise UsageError(
                f"{flag} {path}: is inside the scanned PATH {root}, where nothing is written; "
                "choose another folder"
            )


def _is_within(path: Path, folder: Path) -> bool:
    """Whether `path` is `folder` or below it, with links and bind mounts resolved."""
    real, outer = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    if real.is_relative_to(outer):
        return True
    ancestors = (p for p in (real, *real.parents) if p.exists())
    return outer.is_dir() and any(ancestor.samefile(outer) for ancestor in ancestors)


def _expand(path: str | Path) -> Iterable[str]:
    if str(path) != "-":
        return [str(path)]
    found = _split_path_list(sys.stdin.buffer.read())
    if not found:
        raise UsageError("standard input names no PATH; write one path per line to it")
    return found


def _split_path_list(content: bytes) -> list[str]:
    """Split a list of paths, one per line or separated by NUL (`find -print0`).

    Accepts lists saved on Windows: CRLF line ends, a byte order mark, UTF-16.
    """
    if content.startswith(_UTF_16_BOMS):
        content = content.decode("utf-16", errors="surrogatepass").encode(errors="surrogatepass")
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        parts = content.split(b"\0")
    else:
        parts = [line.removesuffix(b"\r") for line in content.split(b"\n")]
    return [os.fsdecode(part) for part in parts if part.strip()]


def _known_roots(database: Path | None) -> set[str]:
    if database is None or not database.exists():
        return set()
    with Store(database) as store:
        return store.known_roots()
