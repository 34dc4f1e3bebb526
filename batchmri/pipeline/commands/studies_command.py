"""`batchmri rescan` and `batchmri forget`: process single studies again, or delete them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from batchmri.errors import UsageError
from batchmri.outputs.atomic_write import readers
from batchmri.outputs.erase import erase_studies
from batchmri.outputs.paths import dicom_folder
from batchmri.outputs.sinks import chosen
from batchmri.pipeline.export import export
from batchmri.pipeline.run.last_export import last_settings
from batchmri.pipeline.run.lock import hold
from batchmri.pipeline.run.output_folder import state_path
from batchmri.pipeline.run.provenance import known_classes, known_rules
from batchmri.settings import Settings
from batchmri.state.store import Store


def rescan(out: str | Path, studies: Sequence[str], *, state: Path | None = None) -> list[str]:
    """Let the next scan read and classify the files of these studies again.

    Until then, the studies are missing in the tables. Returns their UIDs. Raises UsageError for an
    unknown study; then nothing is changed.
    """
    output = Path(out)
    with _opened(output, state) as store:
        found = _find(store, output, studies)
        with store.transaction():
            for uid in found:
                for header_study in store.lookup.header_studies(uid):
                    store.lookup.rescan(header_study)
        _rewrite_tables(store, output)
    return found


def forget(out: str | Path, studies: Sequence[str], *, state: Path | None = None) -> list[str]:
    """Delete the results of these studies: rows, pictures, DICOM objects, and rows of the state.

    Rows are also deleted from results.jsonl, `changes/`, the lists of a dry run, and tables in
    other formats. A later scan that finds the files treats them as new. Returns the UIDs of the
    studies. Raises UsageError for an unknown study; then nothing is changed.
    """
    output = Path(out)
    with _opened(output, state) as store:
        found = _find(store, output, studies)
        with store.transaction():
            for uid in found:
                for header_study in store.lookup.header_studies(uid):
                    store.lookup.forget(header_study)
                store.studies.drop(uid)
                store.dicom.drop(uid)
                store.listed.drop(uid)
        for uid in found:
            _remove_objects(output / dicom_folder(uid))
        erase_studies(output, found)
        _rewrite_tables(store, output)
        store.lookup.compact()
    return found


@contextmanager
def _opened(output: Path, state: Path | None) -> Iterator[Store]:
    database = state_path(output, state)
    if not database.is_file():
        raise UsageError(f"{output}: no results here (no state.db); run batchmri scan first")
    with hold(output, database.parent), Store(database) as store:
        yield store


def _find(store: Store, output: Path, names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        if not (uids := store.lookup.studies(name)):
            raise UsageError(
                f"{name}: not a study of {output}; name a study_uid or source of studies.csv"
            )
        found += [uid for uid in uids if uid not in found]
    return found


def _rewrite_tables(store: Store, output: Path) -> None:
    settings = last_settings(store) or Settings.load().with_model_rules(known_rules(store))
    others = [name for name in ("parquet", "jsonl") if (output / f"studies.{name}").exists()]
    sinks = tuple(dict.fromkeys((*chosen(settings), *others)))
    with readers(group=settings.report.group_readable):
        export(store, known_classes(store), settings, output, draw=True, sinks=sinks)


def _remove_objects(folder: Path) -> None:
    for path in folder.glob("*.dcm"):
        path.unlink(missing_ok=True)
    if folder.is_dir():
        folder.rmdir()
