"""Export of the state: the rows of every study go to the sinks, and montages are drawn."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import astuple
from functools import partial
from itertools import chain, count
from pathlib import Path

from batchmri.extensions import SINKS
from batchmri.outputs.atomic_write import NewFile
from batchmri.outputs.rows import StudyExport, change_row, common_source, file_row, study_export
from batchmri.outputs.sinks import Sink, SinkContext, chosen
from batchmri.pipeline.aggregate import AggregatedStudy, aggregate
from batchmri.pipeline.run.changes import Changes
from batchmri.pipeline.run.last_export import digest_of_sources, export_record, last_export
from batchmri.pipeline.run.provenance import known_card, known_provenance
from batchmri.pipeline.study_pictures import (
    Montage,
    MontageDrawing,
    montage_of,
    remove_files_of_gone_studies,
    remove_outdated_pictures,
)
from batchmri.pipeline.totals import Totals
from batchmri.records import Classes
from batchmri.settings import Settings
from batchmri.state.changes import Change
from batchmri.state.pending import PendingExport
from batchmri.state.store import Store
from batchmri.state.studies import ExportedStudy
from batchmri.verdict.explanation import explain_series, explain_study


def export(
    store: Store,
    classes: Classes,
    settings: Settings,
    output: Path,
    *,
    draw: bool,
    finished: bool = True,
    keep: bool = True,
    sinks: Sequence[str] | None = None,
    check: Callable[[], None] = lambda: None,
) -> Totals:
    """Feed all rows to the sinks and, with `draw`, draw montages that are missing or out of date.

    Does nothing if the state, the settings and the files are those of the last export. Pictures
    that no row refers to are removed. The state records the exported studies only after
    the tables are in place, so that a change is reported twice rather than never. Changes of a run
    that is not `finished` are reported again by the next one. Without `keep`, only the files are
    written and the state stays as it was. `sinks` are those of the settings by default. `check` is
    called repeatedly; if it raises an exception, the tables stay as they were.
    """
    context = SinkContext(
        output,
        classes,
        settings,
        known_card(store),
        known_provenance(store),
        partial(explain_series, classes=classes, rules=settings.verdict),
        explain_study,
    )
    names = chosen(settings) if sinks is None else sinks
    made_from = digest_of_sources(store, context, names, draw=draw)
    last = last_export(store, made_from, output) if keep else None
    if last is not None:
        return Totals.from_json(last)
    totals, pending = Totals(), store.pending_export()
    changes = Changes(pending.changes)
    with ExitStack() as stack:
        montages = stack.enter_context(MontageDrawing(output))
        opened: list[Sink] = [stack.enter_context(SINKS.load(name)(context)) for name in names]
        for uid, results in store.series.studies():
            check()
            aggregated = aggregate(uid, results, classes, settings)
            before = store.studies.get(uid)
            totals.first &= before is None
            montage = montage_of(aggregated, classes, settings)
            is_drawn = _is_drawn(montage, before, output)
            if draw:  # otherwise keep pictures of other rules, which a later run may use again
                remove_outdated_pictures(
                    output, uid, [*aggregated.files(classes, settings), montage.path]
                )
            if draw and montage.path and not is_drawn:
                montages.draw(montage)
            elif not is_drawn:
                montage = Montage()
            now = _exported(aggregated, montage.digest)
            change = _change(before, now) if aggregated.foreign else ""
            study = study_export(
                uid,
                aggregated.results,
                aggregated.verdicts,
                aggregated.deciding,
                classes,
                settings.report,
                montage_png=montage.path,
                change=change,
            )
            totals.add(study)
            _feed(opened, study)
            if aggregated.foreign:
                _record_change(pending, before, now, change, changes)
        for uid in store.studies.gone():
            totals.first = False
            exported = store.studies.get(uid)
            assert exported is not None
            changes.add(Change(uid, exported.source, "gone", exported.verdict, ""))
            totals.changes["gone"] += 1
            pending.drop(uid)
        changes.end(finished=finished)
        for change_now in pending.changes.all():
            for sink in opened:
                sink.add_change(change_row(*astuple(change_now)))
        for note in store.series.notes():
            check()
            for sink in opened:
                sink.add_file(file_row(note))
            totals.file_reasons[note.reason] += 1
            totals.files_alone += not note.key.study_uid
    if not keep:
        return totals
    if totals.changes:
        _keep_changes(output)
    files = [path for sink in opened for path in sink.files]
    pending.commit(export_record(made_from, files, context, totals.to_json()))
    remove_files_of_gone_studies(store, output)
    return totals


def _keep_changes(output: Path) -> None:
    """Keep changes.csv of this run under its time, so that later runs do not replace it."""
    stamp = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    folder = output / "changes"
    names = chain([f"{stamp}.csv"], (f"{stamp}-{number}.csv" for number in count(2)))
    path = next(folder / name for name in names if not (folder / name).exists())
    with (
        (output / "changes.csv").open("rb") as changes,
        NewFile(path) as kept,
    ):
        while chunk := changes.read(1 << 20):
            kept.write(chunk)


def _is_drawn(montage: Montage, before: ExportedStudy | None, output: Path) -> bool:
    same = before is not None and before.montage == montage.digest
    return same and (output / montage.path).is_file()


def _feed(sinks: Sequence[Sink], study: StudyExport) -> None:
    for sink in sinks:
        sink.add_study(study)


def _exported(aggregated: AggregatedStudy, montage_digest: str) -> ExportedStudy:
    source = common_source([r.series.source for r in aggregated.results])
    verdict = aggregated.verdict.name if aggregated.verdict else ""
    return ExportedStudy(aggregated.uid, source, aggregated.version, verdict, montage_digest)


def _record_change(
    pending: PendingExport,
    before: ExportedStudy | None,
    now: ExportedStudy,
    change: str,
    changes: Changes,
) -> None:
    if change:
        verdict_before = before.verdict if before else ""
        changes.add(Change(now.uid, now.source, change, verdict_before, now.verdict))
    if now != before:
        pending.put(now)


def _change(before: ExportedStudy | None, now: ExportedStudy) -> str:
    if before is None:
        return "new"
    if before.version not in ("", now.version):
        return "changed"
    return "verdict" if before.verdict != now.verdict else ""
