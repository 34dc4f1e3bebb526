"""Planning: assemble every study and determine which series have to be classified."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import islice
from os.path import isfile
from pathlib import Path

from batchmri.archive.fingerprint import is_same_files_in_older_version
from batchmri.extensions import SELECTION_RULES
from batchmri.outputs.console import Console
from batchmri.outputs.paths import heatmap_path, strip_paths
from batchmri.pipeline.draw import Volume
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.reasons import MAX_FAILED_RUNS, Reason, Status
from batchmri.records import Decision, FileNote, Series, SeriesKey, SeriesResult, Study
from batchmri.settings import Settings
from batchmri.state.files import DENIED
from batchmri.state.store import Store

_STUDIES_PER_TRANSACTION = 256
_PLANNED_KEY = "planned_with"
_ARRIVING = Decision(False, Reason.STILL_ARRIVING, "a file of its study changed recently")


@dataclass(frozen=True, slots=True)
class Planner:
    """Updates the series in the state from the files in the state.

    A finished series is not processed again if its files are unchanged and `is_current` returns
    True, which means that its pictures match the current settings.
    """

    store: Store
    settings: Settings
    options: ScanOptions
    is_current: Callable[[SeriesResult], bool]
    console: Console
    output: Path | None = None

    def plan(self, stop: Shutdown) -> int:
        """Decide on every series; returns the number of new failures found by headers alone.

        Only studies whose decisions may have changed since the last run are assembled. A run that
        ends early leaves the others to the next one.
        """
        failed = 0
        with self.store.transaction():
            self._mark_studies()
            self.store.series.drop_orphans()
        with self.store.bulk(_STUDIES_PER_TRANSACTION) as bulk:
            for header_study in stop.until(self._marked_studies()):
                failed += self._plan_studies(header_study, _studies(self.store, header_study))
                self.store.unplanned.discard(header_study)
                bulk.tick()
        return failed

    def _marked_studies(self) -> Iterator[str]:
        limit = self.options.limit
        unplanned = iter(self.store.unplanned)
        return unplanned if limit is None else islice(self.store.files.header_studies(), limit)

    def _mark_studies(self) -> None:
        """Mark the studies to plan, in addition to those whose files have changed."""
        unplanned, context = self.store.unplanned, self._context()
        if self.options.retry_failed or self.store.meta(_PLANNED_KEY) != context:
            unplanned.add_all()
            self.store.set_meta(_PLANNED_KEY, context)
            return
        unplanned.add_unsettled()
        unplanned.add_studies_of(self._with_lost_files())

    def _with_lost_files(self) -> set[SeriesKey]:
        """The series of which a picture, heat map or strip no longer exists."""
        if self.output is None:
            return set()
        folder = f"{self.output}/"  # not with pathlib: there may be millions of files
        return {key for key, path in self._files() if not isfile(folder + path)}  # noqa: PTH113

    def _files(self) -> Iterator[tuple[SeriesKey, str]]:
        """The files of pictures that exist if they are wanted, except the heat of strips."""
        index, report = self.store.series, self.settings.report
        yield from index.pictures()
        if report.writes_heatmaps:
            yield from ((key, heatmap_path(key)) for key in index.drawn(Volume.WRITTEN))
        for key in index.drawn() if report.html else ():
            strips = strip_paths(key)
            yield from ((key, strips.slices), (key, strips.thumbnail))

    def _context(self) -> str:
        """Digest of what decisions depend on besides the files: settings, version, and rules."""
        settings = self.settings.model_dump(
            mode="json",
            include={"selection": True, "schedule": {"settle"}, "verdict": True, "report": True},
            exclude={"report": {"on_study", "on_study_timeout"}},
        )
        parts = [version("batchmri"), SELECTION_RULES.versions(), settings]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()

    def _plan_studies(self, header_study: str, studies: list[Study]) -> int:
        index = self.store.series
        series = [s for study in studies for s in study.series]
        index.keep_only(header_study, [s.key for s in series])
        arriving = self._is_arriving(header_study)
        changed = {s.key: s for s in series if self._update_series(s, header_study, arriving)}
        notes = [n for study in studies for n in study.left_out if n.key in changed]
        index.put_left_out(notes)
        refused = [
            FileNote(s.source, s.refusal, s.detail, s.key) for s in changed.values() if s.refusal
        ]
        failed = [note for note in (*notes, *refused) if note.reason.status is Status.FAILED]
        for note in failed:
            self.console.warn(
                "failed", file=note.source, reason=note.reason, detail=note.detail or None
            )
        return len(failed)

    def _is_arriving(self, header_study: str) -> bool:
        settle_s = self.settings.schedule.settle.total_seconds()
        return settle_s > 0 and (
            time.time() - self.store.files.last_change_s(header_study) < settle_s
        )

    def _update_series(self, series: Series, header_study: str, arriving: bool) -> bool:
        """Record the decision on a series; returns whether it differs from the recorded one."""
        from batchmri.archive.selection import select

        index, decision = self.store.series, select(series, self.settings.selection)
        self._keep_older_result(series)
        if decision.wanted:
            if self._is_done(series):
                index.update_record(series)
                return False
            if arriving:
                decision = _ARRIVING
        if decision.wanted:
            if index.waits(series.key, series.fingerprint):
                return False
            index.put(series, header_study, None)
            return True
        assert decision.reason is not None
        skipped = (decision.reason, decision.detail)
        if index.is_skipped(series.key, series.fingerprint, skipped):
            index.update_record(series)
            return False
        index.put(series, header_study, skipped)
        return True

    def _keep_older_result(self, series: Series) -> None:
        """Keep a result stored under an older version of fingerprints if its files are the same."""
        index = self.store.series
        stored = index.fingerprint(series.key)
        if not is_same_files_in_older_version(stored, series.fingerprint):
            return
        done = index.result(series.key)
        if done is None or _shows_same_slices(done[0], series):
            index.update_record(series)
            self.store.studies.forget_version(series.key.study_uid)

    def _is_done(self, series: Series) -> bool:
        done = self.store.series.result(series.key)
        if done is None or done[1] != series.fingerprint or not self.is_current(done[0]):
            return False
        return not self.store.series.has_another_try(
            series.key, max_failed_runs=MAX_FAILED_RUNS, retry_failed=self.options.retry_failed
        ) and not self._is_readable_again(series)

    def _is_readable_again(self, series: Series) -> bool:
        """Whether a series was given up for a lack of permission that it does not lack now."""
        if not self.store.series.was_denied(series.key, DENIED):
            return False
        paths = {ref.path for ref in series.slices}
        return all(os.access(path, os.R_OK, effective_ids=True) for path in paths)


def _shows_same_slices(result: SeriesResult, series: Series) -> bool:
    """Whether a result was computed from the same pixels, displayed in the same way."""
    before = result.series
    return (
        (before.rows, before.columns, before.pixel_spacing, before.slice_axis, before.display)
        == (series.rows, series.columns, series.pixel_spacing, series.slice_axis, series.display)
        and before.n_slices == len(series.slices)
        and all(
            replace(series.slices[scores.ref.index], path="") == scores.ref
            for scores in result.scores
        )
    )


def waiting(store: Store) -> Iterator[Series]:
    """The series waiting to be classified, study by study."""
    for header_study in store.series.studies_waiting():
        for study in _studies(store, header_study):
            yield from (s for s in study.series if store.series.waits(s.key, s.fingerprint))


def _studies(store: Store, header_study: str) -> list[Study]:
    from batchmri.archive.assembly import assemble

    return assemble(*store.files.instances(header_study))
