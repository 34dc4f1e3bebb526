"""`batchmri explain`: everything that the state contains about a study, a file or a folder."""

import time
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

from batchmri.errors import UsageError
from batchmri.header import Header
from batchmri.pipeline.aggregate import AggregatedStudy, aggregate
from batchmri.pipeline.run.last_export import last_settings
from batchmri.pipeline.run.output_folder import state_path
from batchmri.pipeline.run.provenance import known_classes, known_rules
from batchmri.reasons import MAX_FAILED_RUNS, Reason
from batchmri.records import Classes, SeriesKey, SeriesResult, Study
from batchmri.settings import Settings
from batchmri.state.lookup import KnownFile, KnownFolder, KnownSeries
from batchmri.state.store import Store
from batchmri.verdict.explanation import explain_series, explain_study

_MAX_STUDIES = 20


def explain(
    out: str | Path, name: str, *, settings: Settings | None = None, state: Path | None = None
) -> list[str]:
    """Explain a study (UID or `source`), a file or a folder (path or `source`) in indented lines.

    A folder with a single study is explained like the study. The verdict rules are those of the
    last export. Raises UsageError if the output contains no results, or nothing of this name.
    """
    output = Path(out)
    database = state_path(output, state)
    if not database.is_file():
        raise UsageError(f"{output}: no results here (no state.db); run batchmri scan first")
    with Store(database) as store:
        rules = last_settings(store) or (settings or Settings.load()).with_model_rules(
            known_rules(store)
        )
        if studies := store.lookup.studies(name):
            classes = known_classes(store)
            return [line for uid in studies for line in _study(store, uid, classes, rules)]
        if (file := store.lookup.file(name)) is not None:
            return list(_file(store, file))
        if (folder := store.lookup.folder(name)) is not None:
            folder = _without_series_elsewhere(store, folder)
            lines = list(_folder(store, name, folder))
            if len(folder.studies) == 1:
                lines += _study(store, folder.studies[0], known_classes(store), rules)
            return lines
    raise UsageError(
        f"{name}: neither a study nor a file or folder of {output}; name a study_uid or source of "
        "studies.csv, or a file or folder of the archive"
    )


def _study(store: Store, uid: str, classes: Classes, settings: Settings) -> Iterator[str]:
    series = store.lookup.series(uid)
    results = [found[0] for s in series if (found := store.series.result(s.series.key))]
    study = aggregate(uid, results, classes, settings)
    exported = store.studies.get(uid)
    yield f"study {uid}"
    if exported is not None:
        yield f"  source: {exported.source}"
    if not series:
        yield "  none of its series exists any more"
        return
    waiting = sum(not s.status for s in series)
    if waiting:
        yield f"  {waiting} of {len(series)} series wait for the next scan: not in the tables yet"
    if study.deciding is not None:
        verdict = study.verdicts[study.deciding]
        yield f"  verdict: {verdict.name} {verdict.confidence:.4f} ({verdict.reason})"
        yield f"  decided by series {_name(study.deciding)}"
        sequences = {s.series.key: s.series.sequence for s in series}
        yield f"  {explain_study(study.deciding, sequences, study.verdicts)}"
    else:
        yield "  no verdict: no series was classified"
    by_key = {result.series.key: result for result in study.results}
    for known in series:
        yield from _series(known, by_key.get(known.series.key), study, classes, settings)
    for note in store.lookup.left_out(uid):
        yield f"  file {note.source}: {_because(note.reason, note.detail)}"


def _series(
    known: KnownSeries,
    result: SeriesResult | None,
    study: AggregatedStudy,
    classes: Classes,
    settings: Settings,
) -> Iterator[str]:
    series = known.series
    yield f"  series {_name(series.key)}"
    yield f"    files: {series.n_files}, slices: {series.n_slices}, from {series.source}"
    yield f"    header: {_header(series.header)}"
    yield f"    assembled as: {series.format}, {series.plane or 'plane unknown'}, {series.sequence}"
    if series.flags:
        yield f"    flags: {', '.join(series.flags)}"
    if known.reason is not None:
        yield f"    {known.status}: {_because(known.reason, known.detail)}"
    else:
        yield f"    {known.status or 'waiting to be classified'}{_detail(known.detail)}"
    if known.tries:
        yield f"    failed in {_next_try(known.may_pass, known.tries)}"
    if result is not None and (verdict := study.verdicts.get(series.key)) is not None:
        yield f"    verdict: {verdict.name} {verdict.confidence:.4f} ({verdict.reason})"
        values = zip(classes.names, verdict.probabilities, strict=True)
        yield "    probabilities: " + ", ".join(f"{name} {value:.4f}" for name, value in values)
        for sentence in explain_series(series, result.scores, verdict, classes, settings.verdict):
            yield f"    {sentence}"


def _file(store: Store, file: KnownFile) -> Iterator[str]:
    changed = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(file.mtime_ns / 1e9))
    yield f"file {file.source}"
    yield f"  path: {file.path}"
    yield f"  size: {file.size} bytes, modified {changed} UTC"
    if file.tries:
        is_temporary = file.reason is not None and file.reason.about.temporary
        yield f"  reading it failed in {_next_try(is_temporary, file.tries)}"
    if file.reason is not None:
        yield f"  {file.reason.status}: {_because(file.reason, file.detail)}"
    if (instance := file.instance) is None:
        return
    yield f"  study {instance.study_uid}, series {instance.series_uid}"
    yield f"  instance {instance.instance_uid}, {len(instance.frames)} frames"
    yield f"  header: {_header(instance.header)}"
    if instance.refusal is not None:
        yield f"  {instance.refusal.status}: {_because(instance.refusal, instance.detail)}"
    slices: dict[SeriesKey, list[int]] = {}
    for key, index in store.lookup.slices_of(file.source):
        slices.setdefault(key, []).append(index)
    for key, indices in slices.items():
        numbers = ", ".join(str(index + 1) for index in indices)
        yield f"  classified as slice {numbers} of series {_name(key)}"
    for note in store.lookup.notes_of(file.source):
        yield f"  no slice in series {_name(note.key)}: {_because(note.reason, note.detail)}"


def _without_series_elsewhere(store: Store, folder: KnownFolder) -> KnownFolder:
    """Remove the series and studies without a file below the folder from its counts."""
    from batchmri.archive.assembly import assemble

    counts = Counter({(status, reason): n for status, reason, n in folder.series})
    elsewhere: set[str] = set()
    for header_study, sources in folder.partial.items():
        instances, versions = store.files.instances(header_study)
        uids = {one.series_uid for one in instances if one.source in sources}
        for study in assemble(instances, versions):
            below = _series_below(study, sources, uids)
            known = store.lookup.series(study.uid)
            others = [one for one in known if one.series.key not in below]
            counts.subtract((one.status or "waiting", str(one.reason or "")) for one in others)
            if not below:
                elsewhere.add(study.uid)
    series = [(status, reason, n) for (status, reason), n in counts.items() if n > 0]
    return replace(
        folder,
        series=sorted(series, key=lambda row: (row[0], -row[2], row[1])),
        studies=[uid for uid in folder.studies if uid not in elsewhere],
    )


def _series_below(study: Study, sources: Set[str], series_uids: Set[str]) -> set[SeriesKey]:
    """The series of a study with a file among `sources`, whose series UIDs are `series_uids`."""
    return {note.key for note in study.left_out if note.source in sources} | {
        series.key
        for series in study.series
        if any(ref.source in sources for ref in series.slices)
        or (not series.slices and series.key.series_uid in series_uids)
    }


def _folder(store: Store, name: str, folder: KnownFolder) -> Iterator[str]:
    yield f"folder {name}"
    yield f"  files: {folder.n_files} with {folder.n_bytes / 1e6:.1f} MB"
    for reason, count in folder.reasons.items():
        yield f"    {count} {reason.about.status}: {_because(reason, '')}"
    yield f"  series: {sum(count for *_, count in folder.series)}"
    for status, why, count in folder.series:
        yield f"    {count} {status}" + (f": {_because(Reason(why), '')}" if why else "")
    exported = {uid: store.studies.get(uid) for uid in folder.studies}
    verdicts = Counter(
        study.verdict or "no verdict" if study else "not in the tables yet"
        for study in exported.values()
    )
    yield f"  studies: {len(exported)}"
    for verdict, count in sorted(verdicts.items()):
        yield f"    {count} {verdict}"
    for uid, study in islice(exported.items(), _MAX_STUDIES):
        yield f"  study {uid}" + (
            f": {study.verdict or 'no verdict'}, {study.source}" if study else ""
        )
    if len(exported) > _MAX_STUDIES:
        yield f"  and {len(exported) - _MAX_STUDIES} more, see studies.csv"


def _next_try(is_temporary: bool, tries: int) -> str:
    again = is_temporary and tries < MAX_FAILED_RUNS
    who = "the next scan" if again else "only --retry-failed"
    return f"{tries} run{'s' * (tries != 1)}; {who} tries again"


def _name(key: SeriesKey) -> str:
    return key.series_uid + (f" part {key.part}" if key.part else "")


def _because(reason: Reason, detail: str) -> str:
    return f"{reason}{_detail(detail)}. {reason.about.sentence}"


def _detail(detail: str) -> str:
    return f" ({detail})" if detail else ""


def _header(header: Header) -> str:
    """The header fields that decisions use, if the header states them."""
    stated = {name: value for name, value in asdict(header).items() if value not in ("", None, ())}
    return ", ".join(
        f"{name} {'/'.join(value) if isinstance(value, tuple) else value}"
        for name, value in stated.items()
    )
