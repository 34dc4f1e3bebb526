"""Planning: assemble every study and determine which series have to be classified."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path

from batchmri.archive.fingerprint import is_same_files_in_older_version
from batchmri.outputs.console import Console
from batchmri.outputs.paths import heatmap_path
from batchmri.pipeline.draw import Volume
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.reasons import MAX_FAILED_RUNS, Reason, Status
from batchmri.records import Decision, FileNote, Series, SeriesResult, Study
from batchmri.settings import Settings
from batchmri.state.files import DENIED
from batchmri.state.store import Store

_STUDIES_PER_TRANSACTION = 256
_PLANNED_KEY = "planned"
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

        Does nothing if nothing has changed since the last finished run (`remember`).
        """
        if self._is_up_to_date():
            return 0
        failed = 0
        self.store.series.drop_orphans()
        with self.store.bulk(_STUDIES_PER_TRANSACTION) as bulk:
            header_studies = islice(self.store.files.header_studies(), self.options.limit)
            for header_study in stop.until(header_studies):
                failed += self._plan_studies(header_study, _studies(self.store, header_study))
                bulk.tick()
        return failed

    def remember(self) -> None:
        """Record that every series is planned and processed, so that the next run can skip it."""
        self.store.set_meta(_PLANNED_KEY, self._depends_on())

    def _is_up_to_date(self) -> bool:
        output, series = self.output, self.store.series
        return (
            output is not None
            and not self.options.retry_failed
            and self.store.meta(_PLANNED_KEY) == self._depends_on()
            and series.is_settled()
            and all((output / path).is_file() for path in chain(series.pictures(), self._volumes()))
        )

    def _volumes(self) -> Iterator[str]:
        """The paths of the heat maps that exist, if they are wanted."""
        if self.settings.report.writes_heatmaps:
            yield from map(heatmap_path, self.store.series.with_picture_class(Volume.WRITTEN))

    def _depends_on(self) -> str:
        """Digest of everything that decisions depend on: state, settings and version."""
        settings = self.settings.model_dump(
            mode="json", include={"selection", "schedule", "verdict", "report"}
        )
        parts = [version("batchmri"), self.store.revision, self.options.limit, settings]
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
