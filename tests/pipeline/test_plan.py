"""A plan of the changed studies equals a plan of all studies."""

import random
from dataclasses import replace
from typing import Any

import pytest

from batchmri.header import Header
from batchmri.outputs.console import Console
from batchmri.pipeline.plan import Planner, waiting
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.reasons import MAX_FAILED_RUNS, Reason, Status
from batchmri.records import CropBox, FileEntry, FileNote, Instance, Scores, SeriesResult
from batchmri.settings import Settings
from batchmri.state.series import Trouble
from batchmri.state.store import Store
from tests.builders import instance

DESCRIPTIONS = ("AX T1", "AX T2", "AX T1 +C", "localizer")
SETTINGS: tuple[dict[str, Any], ...] = (
    {"selection": {"min_slices": 1}, "schedule": {"settle": "10m"}},
    {"selection": {"min_slices": 1}},
    {"selection": {"min_slices": 2, "sequences": ("t1", "t2")}},
)
_STEP_S = 300.0
_FILES = 24


class Nights:
    """A state, the files of its archive, and random events between two plans."""

    def __init__(self, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.dice = random.Random(seed)
        self.store = Store(None)
        self.files: dict[str, tuple[FileEntry, Instance | FileNote]] = {}
        self.settings = Settings.model_validate(SETTINGS[0])
        self.now_s = 1.8e9
        for number in range(_FILES):
            self.new_file(f"a/{number:02d}")
        patch.setattr("batchmri.pipeline.plan.time.time", lambda: self.now_s)

    def new_file(self, source: str) -> None:
        study, series = self.dice.randrange(4), self.dice.randrange(2)
        number = self.dice.randrange(6)
        found: Instance | FileNote = instance(
            number,
            source=source,
            path=f"/{source}",
            study_uid=f"1.{study}",
            series_uid=f"1.{study}.{series}",
            instance_uid=f"1.{study}.{series}.{number}",
            header=Header(modality="MR", series_description=self.dice.choice(DESCRIPTIONS)),
        )
        if self.dice.random() < 0.1:
            found = FileNote(source, self.dice.choice((Reason.IO_ERROR, Reason.BAD_HEADER)))
        size = self.dice.randrange(10**9)
        self.files[source] = FileEntry(source, f"/{source}", size, size), found

    def an_event(self) -> None:
        for change in (self.change_files, self.change_settings, self.rescan, self.forget):
            if self.dice.random() < (0.6 if change == self.change_files else 0.2):
                change()
        self.walk()

    def change_files(self) -> None:
        for number in self.dice.sample(range(_FILES), self.dice.randrange(1, 4)):
            self.new_file(f"a/{number:02d}")
        if self.dice.random() < 0.5:
            del self.files[self.dice.choice(sorted(self.files))]

    def change_settings(self) -> None:
        self.settings = Settings.model_validate(self.dice.choice(SETTINGS))

    def rescan(self) -> None:
        with self.store.transaction():
            if self.dice.random() < 0.3:
                self.store.series.forget_results()
                self.store.files.forget_headers()
            else:
                self.store.lookup.rescan(f"1.{self.dice.randrange(4)}")

    def forget(self) -> None:
        self.store.lookup.forget(f"1.{self.dice.randrange(4)}")

    def walk(self) -> None:
        """Read the headers of new and changed files, perhaps not all of them."""
        self.now_s += _STEP_S * self.dice.choice((-4, 0, 1, 2, 10))
        files = self.store.files
        files.begin_walk(self.now_s)
        files.add_walked(self.files[source][0] for source in sorted(self.files))
        files.end_walk()
        with self.store.transaction():
            files.apply_walk(max_failed_runs=MAX_FAILED_RUNS, retry_failed=False, now_s=self.now_s)
        stops = self.dice.random() < 0.3
        for item in files.unread():
            if stops and self.dice.random() < 0.5:
                break
            assert isinstance(item, FileEntry)
            files.put_header(item, self.files[item.source][1], self.now_s)

    def classify(self) -> None:
        """Store results of some waiting series."""
        for series in list(waiting(self.store)):
            if self.dice.random() < 0.3:
                continue
            scores = tuple(
                Scores(replace(ref, path=""), (0.1, 0.1, 0.7, 0.1), CropBox(0, 0, 9, 9))
                for ref in series.slices
            )
            result = SeriesResult(series, Status.CLASSIFIED, scores=scores, model_digest="stub")
            trouble = self.dice.choice((Trouble.NONE, Trouble.TEMPORARY, Trouble.PERMANENT))
            self.store.series.put_result(result, series.fingerprint, (), trouble)

    def compare(self, options: ScanOptions) -> None:
        """Plan, and compare the result with a plan that does not know what is planned."""
        with Store(None) as complete:
            self.store._db.backup(complete._db)
            complete._db.execute("DELETE FROM meta WHERE key = 'planned_with'")
            self.plan(complete, options, Shutdown())
            self.plan(self.store, options, Shutdown())
            assert planned(self.store) == planned(complete)

    def plan(self, store: Store, options: ScanOptions, stop: Shutdown) -> None:
        Planner(store, self.settings, options, lambda _: True, Console("plain")).plan(stop)


def planned(store: Store) -> list[Any]:
    """The contents of the tables that a plan changes."""
    return [
        store._db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4").fetchall()
        for table in ("series", "slices", "left_out")
    ]


class AfterSome(Shutdown):
    """Requests a stop after some studies."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self._left = n

    @property
    def requested(self) -> bool:
        self._left -= 1
        return self._left < 0


@pytest.mark.parametrize("seed", (0, 3, 4, 6, 7))
def test_a_plan_of_changed_studies_equals_a_plan_of_all(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights = Nights(seed, monkeypatch)
    with nights.store:
        for _ in range(12):
            nights.an_event()
            if nights.dice.random() < 0.3:  # an interrupted run, then more changes
                nights.plan(nights.store, ScanOptions(), AfterSome(nights.dice.randrange(3)))
                nights.an_event()
            if nights.dice.random() < 0.2:
                nights.compare(ScanOptions(limit=2))
            nights.compare(ScanOptions(retry_failed=nights.dice.random() < 0.2))
            assert not list(nights.store.unplanned)
            nights.classify()


def test_series_whose_files_belong_to_another_study_now_are_deleted_in_a_limited_run() -> None:
    """A limited run plans only studies that have files."""
    settings = Settings.model_validate({"selection": {"min_slices": 1}})
    with Store(None) as store:
        planner = Planner(store, settings, ScanOptions(limit=1), lambda _: True, Console("plain"))
        for size, study in enumerate(("1.1", "1.2")):
            found = instance(0, source="a/0", path="/a/0", study_uid=study)
            store.files.put_header(FileEntry("a/0", "/a/0", size, size), found, 0.0)
            planner.plan(Shutdown())
        assert {row[0] for row in planned(store)[0]} == {"1.2"}
