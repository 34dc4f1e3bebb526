"""State → tables and montages: every table is streamed from the state and replaced whole."""

import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from batchmri.pipeline.judge import Judged, judge
from batchmri.pipeline.pictures import draw_montage, montage_digest
from batchmri.records import Classes, SeriesResult
from batchmri.report import (
    TableWriter,
    columns,
    datapackage,
    file_row,
    montage_path,
    series_row,
    slice_rows,
    study_row,
    write_json,
)
from batchmri.settings import Settings
from batchmri.state import Store


@dataclass(slots=True)
class Totals:
    """What the tables hold, counted while they are written."""

    studies: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    series: Counter[str] = field(default_factory=Counter)
    series_reasons: Counter[str] = field(default_factory=Counter)
    file_reasons: Counter[str] = field(default_factory=Counter)
    files_in_series: int = 0
    files_alone: int = 0
    slices: int = 0


def export(
    store: Store, classes: Classes, settings: Settings, output: Path, *, draw: bool
) -> Totals:
    """Write all tables, and with `draw` the montages that are missing or out of date.

    Pictures that no row names any more are removed.
    """
    totals = Totals()
    with ExitStack() as stack:
        studies, series, slices, files = (
            stack.enter_context(TableWriter(output / f"{name}.csv", columns(name, classes.names)))
            for name in ("studies", "series", "slices", "files")
        )
        for uid, results in store.series.studies():
            judged = judge(uid, results, classes, settings)
            montage = _montage(store, judged, output, draw=draw)
            _sweep_study(output, uid, [*judged.pictures, montage])
            row = study_row(judged.uid, judged.results, judged.verdicts, judged.deciding, montage, classes)
            studies.add(row)
            totals.studies[str(row["status"])] += 1
            if judged.verdict:
                totals.verdicts[judged.verdict.name] += 1
            for result in judged.results:
                verdict = judged.verdicts.get(result.series.key)
                series.add(series_row(result, verdict, classes, settings.report))
                for slice_row in slice_rows(result, classes):
                    slices.add(slice_row)
                _count(totals, result)
        for note in store.series.notes():
            files.add(file_row(note))
            totals.file_reasons[note.reason] += 1
            totals.files_alone += not note.key.study_uid
    write_json(output / "datapackage.json", datapackage(classes.names))
    _sweep_gone(store, output)
    return totals


def _count(totals: Totals, result: SeriesResult) -> None:
    totals.series[result.status] += 1
    totals.files_in_series += result.series.n_files
    totals.slices += len(result.scores)
    if result.reason:
        totals.series_reasons[result.reason] += 1


def _montage(store: Store, judged: Judged, output: Path, *, draw: bool) -> str:
    """The path of an up-to-date montage, drawn now where that is needed and wanted; or ""."""
    paths = [path for path in judged.pictures if (output / path).is_file()]
    if not paths or judged.verdict is None:
        return ""
    path = montage_path(judged.uid)
    lines = [f"{judged.verdict.name} {judged.verdict.confidence:.2f}"]
    versions = [f"{r.series.fingerprint}{r.model_digest}" for r in judged.results]
    digest = montage_digest(lines, paths, versions)
    if (output / path).is_file() and store.montage_digest(judged.uid) == digest:
        return path
    if not draw:
        return ""
    draw_montage(judged.uid, paths, lines, output)
    store.set_montage_digest(judged.uid, digest)
    return path


def _sweep_study(output: Path, study_uid: str, expected: Iterable[str]) -> None:
    folder = (output / montage_path(study_uid)).parent
    if folder.is_dir():
        keep = {output / path for path in expected if path}
        for path in folder.iterdir():
            if path not in keep:
                path.unlink()


def _sweep_gone(store: Store, output: Path) -> None:
    for folder in (output / "gradcam").glob("*/*"):
        if not store.series.has_study(folder.name):
            shutil.rmtree(folder)
