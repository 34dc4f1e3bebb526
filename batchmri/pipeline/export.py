"""Export of the state: the rows of every study go to the sinks, and montages are drawn."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import ExitStack, suppress
from dataclasses import astuple, dataclass, field, fields
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, Self

from batchmri.extensions import SINKS
from batchmri.outputs.atomic_write import NewFile
from batchmri.outputs.html.folder import page_folders, remove_page
from batchmri.outputs.paths import montage_path
from batchmri.outputs.rows import StudyExport, change_row, common_source, file_row, study_export
from batchmri.outputs.sinks import Sink, SinkContext, chosen
from batchmri.pipeline.aggregate import AggregatedStudy, aggregate, montage_lines
from batchmri.pipeline.draw import draw_montage
from batchmri.pipeline.run.changes import Changes
from batchmri.pipeline.run.last_export import export_record, last_export, what_it_is_made_from
from batchmri.pipeline.run.provenance import known_card, known_provenance
from batchmri.reasons import VerdictReason
from batchmri.records import Classes, Verdict
from batchmri.settings import Settings
from batchmri.state.changes import Change
from batchmri.state.pending import PendingExport
from batchmri.state.store import Store
from batchmri.state.studies import ExportedStudy
from batchmri.verdict.explanation import explain_series, explain_study

_MAX_SUSPICIOUS = 10
Suspicious = tuple[str, float, str, str]
"""Verdict, p_tumor, UID and source of a study."""


@dataclass(slots=True)
class Totals:
    """Counts of the rows in the tables, collected while they are written."""

    studies: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    series: Counter[str] = field(default_factory=Counter)
    series_reasons: Counter[str] = field(default_factory=Counter)
    file_reasons: Counter[str] = field(default_factory=Counter)
    suspicious: list[Suspicious] = field(default_factory=list)
    files_in_series: int = 0
    files_alone: int = 0
    slices: int = 0
    first: bool = True  # whether no earlier run wrote tables

    def to_json(self) -> str:
        """The counts that stay true while nothing changes."""
        counts = {each.name: getattr(self, each.name) for each in fields(self)}
        return json.dumps({**counts, "changes": {}, "first": False})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Counts of an earlier export."""
        found: dict[str, Any] = json.loads(text)
        for name, value in found.items():
            found[name] = Counter(value) if isinstance(value, dict) else value
        return cls(**found)

    def add(self, study: StudyExport) -> None:
        """Count a study."""
        self.studies[str(study.study["status"])] += 1
        if study.deciding is not None:
            self.verdicts[study.verdicts[study.deciding].name] += 1
            self._note_suspicious(study, study.verdicts[study.deciding])
        if study.change:
            self.changes[study.change] += 1
        for result in study.results:
            self.series[result.status] += 1
            self.files_in_series += result.series.n_files
            self.slices += len(result.scores)
            if result.reason:
                self.series_reasons[result.reason] += 1

    def _note_suspicious(self, study: StudyExport, verdict: Verdict) -> None:
        """Keep the studies with the highest p_tumor among those that are not called tumor-free."""
        if verdict.reason is VerdictReason.NO_TUMOR or verdict.reason.is_outside:
            return
        p_tumor = study.study["p_tumor"]
        assert isinstance(p_tumor, float)
        source = str(study.study["source"])
        self.suspicious.append((verdict.name, round(p_tumor, 4), study.uid, source))
        self.suspicious.sort(key=lambda one: (-one[1], one[2]))
        del self.suspicious[_MAX_SUSPICIOUS:]


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
    made_from = what_it_is_made_from(store, context, names, draw=draw)
    last = last_export(store, made_from, output) if keep else None
    if last is not None:
        return Totals.from_json(last)
    totals, pending = Totals(), store.pending_export()
    changes = Changes(pending.changes)
    with ExitStack() as stack:
        opened: list[Sink] = [stack.enter_context(SINKS.load(name)(context)) for name in names]
        for uid, results in store.series.studies():
            check()
            aggregated = aggregate(uid, results, classes, settings)
            before = store.studies.get(uid)
            totals.first &= before is None
            montage = _montage(aggregated, before, classes, settings, output, draw=draw)
            if draw:  # otherwise keep pictures of other rules, which a later run may use again
                _remove_outdated_pictures(
                    output, uid, [*aggregated.files(classes, settings), montage.path]
                )
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
    _remove_pictures_of_gone_studies(store, output)
    _remove_pages_of_gone_studies(store, output)
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


@dataclass(frozen=True, slots=True)
class _Montage:
    path: str = ""
    digest: str = ""


def _montage(
    aggregated: AggregatedStudy,
    before: ExportedStudy | None,
    classes: Classes,
    settings: Settings,
    output: Path,
    *,
    draw: bool,
) -> _Montage:
    """The up-to-date montage of a study, drawn if needed and allowed; empty if there is none."""
    if aggregated.verdict is None or not aggregated.pictures:
        return _Montage()
    path = montage_path(aggregated.uid)
    lines = montage_lines(aggregated, classes, settings)
    pictures = aggregated.montage_pictures
    drawn = (result.picture_class for result in aggregated.results)
    text = "\0".join([aggregated.version, *lines, *drawn, *pictures])
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    if before is not None and before.montage == digest and (output / path).is_file():
        return _Montage(path, digest)
    if not draw:
        return _Montage()
    draw_montage(aggregated.uid, pictures, lines, output)
    return _Montage(path, digest)


def _remove_outdated_pictures(output: Path, uid: str, expected: Iterable[str]) -> None:
    keep = {output / path for path in expected if path}
    _remove_pictures((output / montage_path(uid)).parent, keep)


def _remove_pictures_of_gone_studies(store: Store, output: Path) -> None:
    for folder in (output / "gradcam").glob("*/*"):
        if _is_study_folder(folder, output) and not store.studies.is_known(folder.name):
            _remove_pictures(folder, set())
            with suppress(OSError):  # the folder contains files of others
                folder.rmdir()


def _remove_pages_of_gone_studies(store: Store, output: Path) -> None:
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
