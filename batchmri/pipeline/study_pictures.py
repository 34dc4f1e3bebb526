"""Pictures of studies in an export: montages, and the removal of pictures that no row refers to."""

import hashlib
from collections.abc import Iterable, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from batchmri.outputs.html.folder import page_folders, remove_page
from batchmri.outputs.paths import montage_path
from batchmri.pipeline.aggregate import AggregatedStudy, montage_lines
from batchmri.pipeline.draw import draw_montage, split_picture_class
from batchmri.records import Classes
from batchmri.settings import Settings
from batchmri.state.store import Store
from batchmri.state.studies import ExportedStudy


@dataclass(frozen=True, slots=True)
class Montage:
    """The montage of a study; `digest` changes with what it shows."""

    path: str = ""
    digest: str = ""


def up_to_date_montage(
    aggregated: AggregatedStudy,
    before: ExportedStudy | None,
    classes: Classes,
    settings: Settings,
    output: Path,
    *,
    draw: bool,
) -> Montage:
    """The up-to-date montage of a study, drawn if needed and allowed; empty if there is none."""
    if aggregated.verdict is None or not aggregated.pictures:
        return Montage()
    path = montage_path(aggregated.uid)
    lines = montage_lines(aggregated, classes, settings)
    pictures = aggregated.montage_pictures
    drawn = (split_picture_class(result.picture_class)[0] for result in aggregated.results)
    text = "\0".join([aggregated.version, *lines, *drawn, *pictures])
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    if before is not None and before.montage == digest and (output / path).is_file():
        return Montage(path, digest)
    if not draw:
        return Montage()
    draw_montage(aggregated.uid, pictures, lines, output)
    return Montage(path, digest)


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
