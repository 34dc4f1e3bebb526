"""Pictures of studies in an export: montages, and the removal of pictures that no row refers to."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from batchmri.outputs.atomic_write import write_atomic
from batchmri.outputs.html.folder import page_folders, remove_page
from batchmri.outputs.paths import montage_path
from batchmri.pipeline.aggregate import AggregatedStudy, montage_lines
from batchmri.pipeline.draw import split_picture_class
from batchmri.records import Classes
from batchmri.settings import Settings
from batchmri.state.store import Store


@dataclass(frozen=True, slots=True)
class Montage:
    """The montage of a study: `pictures` below `lines` of text. `digest` changes with both."""

    path: str = ""
    digest: str = ""
    pictures: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


def montage_of(aggregated: AggregatedStudy, classes: Classes, settings: Settings) -> Montage:
    """The montage that a study should have; empty if it has none."""
    if aggregated.verdict is None or not aggregated.pictures:
        return Montage()
    lines = tuple(montage_lines(aggregated, classes, settings))
    pictures = tuple(aggregated.montage_pictures)
    drawn = (split_picture_class(result.picture_class)[0] for result in aggregated.results)
    text = "\0".join([aggregated.version, *lines, *drawn, *pictures])
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return Montage(montage_path(aggregated.uid), digest, pictures, lines)


class MontageDrawing:
    """Context manager that draws montages in threads; all are drawn at its end.

    Raises OutputError if one cannot be written.
    """

    def __init__(self, output: Path) -> None:
        self._output = output
        self._workers = len(os.sched_getaffinity(0))
        self._threads = ThreadPoolExecutor(self._workers)
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def draw(self, montage: Montage) -> None:
        """Draw a montage; waits if too many are being drawn."""
        self._pending.append(self._threads.submit(_draw, montage, self._output))
        if len(self._pending) > 2 * self._workers:
            self._pending.popleft().result()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._threads.shutdown(cancel_futures=kind is not None)
        while self._pending and kind is None:
            self._pending.popleft().result()


def _draw(montage: Montage, output: Path) -> None:
    from batchmri.outputs import pictures

    shown = [(output / path).read_bytes() for path in montage.pictures]
    write_atomic(output / montage.path, pictures.montage(shown, montage.lines))


def remove_outdated_pictures(output: Path, uid: str, expected: Iterable[str]) -> None:
    """Remove the pictures of a study except for the `expected` ones (relative to `output`)."""
    keep = {output / path for path in expected if path}
    _remove_pictures((output / montage_path(uid)).parent, keep)


def remove_files_of_gone_studies(store: Store, output: Path) -> None:
    """Remove pictures and report pages of studies that are not in the tables."""
    for folder in (output / "gradcam").glob("*/*"):
        if _is_study_folder(folder, output) and not store.studies.is_known(folder.name):
            _remove_pictures(folder, set())
            with suppress(OSError):  # the folder contains files of others
                folder.rmdir()
    for page in page_folders(output).glob("*/*.html"):
        if not store.studies.is_known(page.stem):
            remove_page(output, page.stem)


def _is_study_folder(folder: Path, output: Path) -> bool:
    try:
        return (output / montage_path(folder.name)).parent == folder
    except ValueError:  # not a UID
        return False


def _remove_pictures(folder: Path, keep: Set[Path]) -> None:
    """Remove pictures and unfinished temporary files; files that cannot be removed are ignored."""
    for path in folder.glob("*"):
        if path not in keep and path.suffix in (".png", ".jpg", ".gz", ".tmp"):
            with suppress(OSError):
                path.unlink()
