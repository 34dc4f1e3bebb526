"""Reports on a run: run.json, a row for `batchmri status`, and a Prometheus text file."""

import calendar
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from batchmri.errors import BatchmriError, OutputBusyError, exit_code_of
from batchmri.outputs.atomic_write import write_json
from batchmri.outputs.datapackage import CONTRACT
from batchmri.outputs.metrics import prometheus, read_metric, write_metrics
from batchmri.pipeline.run.calibration_file import calibration_record
from batchmri.pipeline.run.loaded_model import Model
from batchmri.pipeline.run.output_folder import state_record
from batchmri.pipeline.totals import Totals
from batchmri.reasons import Reason
from batchmri.settings import Settings
from batchmri.state.store import Store

_PACKAGES = [
    "batchmri",
    "monai",
    "nibabel",
    "numpy",
    "opencv-python-headless",
    "openvino",
    "pandas",
    "pydicom",
    "torch",
]


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}


class RunReport:
    """Collects the statistics of a run and writes them to run.json."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.new_failures = 0
        self.n_series = 0
        self.n_slices = 0
        self.failed_commands = 0
        self.notices: list[str] = []
        self.exit_code = 0
        self.metrics_file: Path | None = None
        self._ended = False
        self._started_s = time.time()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the time of one stage."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = round(time.monotonic() - start, 3)

    @contextmanager
    def recorded(self, settings: Settings, store: Store | None = None) -> Iterator[None]:
        """Record the end of the run: `exit_code`, or the exit code of the exception.

        If these contexts are nested, only the innermost records.
        """
        try:
            yield
        except BaseException as error:
            # Do not let a failure to record the run hide the original exception.
            with suppress(BatchmriError, OSError, sqlite3.Error):
                known = store.explained(error) if store else error
                if isinstance(known, BatchmriError) and not self._ended:
                    self.notices.append(str(known))
                self._end(settings, store, exit_code_of(known))
            raise
        self._end(settings, store, self.exit_code)

    def _end(self, settings: Settings, store: Store | None, exit_code: int) -> None:
        """Record the run once; `store` is None if it ended before its state was opened."""
        if self._ended:
            return
        self._ended = True
        if store is not None:
            store.put_run(
                {
                    "run": self.run_id,
                    "started": self._started,
                    "seconds": round(time.time() - self._started_s),
                    "exit_code": exit_code,
                    "series": self.n_series,
                    "slices": self.n_slices,
                    "slices_per_second": self._rate,
                    "new_failures": self.new_failures,
                    "left": store.series.n_waiting(),
                    "notices": self.notices,
                }
            )
        # Only the scan that has locked the output writes metrics.
        if self.metrics_file is not None and exit_code != OutputBusyError.exit_code:
            write_metrics(self.metrics_file, self._metrics(self.metrics_file, store, exit_code))

    def write(
        self, output: Path, settings: Settings, model: Model, totals: Totals, store: Store
    ) -> None:
        """Write run.json."""
        write_json(output / "run.json", self._document(output, settings, model, totals, store))

    @property
    def _started(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started_s))

    @property
    def _rate(self) -> float:
        return round(self.n_slices / max(self._seconds.get("classify", 0.0), 1e-3), 1)

    def _document(
        self, output: Path, settings: Settings, model: Model, totals: Totals, store: Store
    ) -> dict[str, Any]:
        return {
            "run": self.run_id,
            "started": self._started,
            "note": "Research use only, not a medical device.",
            "contract_version": CONTRACT,
            "versions": _versions(),
            "python": sys.version.split()[0],
            "command": sys.argv,
            "state": state_record(output, Path(store.location)),
            "settings": settings.model_dump(mode="json"),
            "calibration": calibration_record(settings),
            "model": {"path": str(model.path), **model.provenance},
            "card": model.card.model_dump(mode="json"),
            "seconds": self._seconds,
            "slices_classified_now": self.n_slices,
            "slices_per_second": self._rate,
            "counts": counts(store, totals, self.new_failures, self.failed_commands),
            "notices": self.notices,
        }

    def _metrics(self, path: Path, store: Store | None, exit_code: int) -> bytes:
        now = time.time()
        success = now if exit_code in (0, 1) else self._last_success_s(path, store)
        values: dict[str, tuple[str, float]] = {
            "last_run_timestamp_seconds": ("End of the last run.", now),
            "last_success_timestamp_seconds": (
                "End of the last run that finished all its work.",
                success,
            ),
            "run_duration_seconds": ("Duration of the last run.", now - self._started_s),
            "slices_per_second": ("Slices classified per second in the last run.", self._rate),
            "new_failures": ("Failures new in the last run.", self.new_failures),
            "exit_code": ("Exit code of the last run.", exit_code),
        }
        if store is None:  # the run ended before its state was opened
            return prometheus(values, {})
        series = store.series.count_by_status()
        arriving = sum(n for (_, reason), n in series.items() if reason == Reason.STILL_ARRIVING)
        left = store.series.n_waiting()
        values["series_waiting"] = ("Series left for the next run.", left)
        values["series_arriving"] = ("Series of studies that are still arriving.", arriving)
        return prometheus(values, {"series": ("Series by status and reason.", series)})

    @staticmethod
    def _last_success_s(path: Path, store: Store | None) -> float:
        """Time of the last run that finished all its work, from the state or the old metrics."""
        for run in store.last_runs(1000) if store else ():
            if run["exit_code"] in (0, 1):
                started = time.strptime(run["started"], "%Y-%m-%dT%H:%M:%SZ")
                return calendar.timegm(started) + float(run["seconds"])
        return read_metric(path, "last_success_timestamp_seconds") or 0.0


def record_reclassification(output: Path, settings: Settings) -> None:
    """Add the rules under which the tables were rewritten to run.json, if there is one."""
    path = output / "run.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    document["reclassified"] = {
        "verdict": settings.verdict.model_dump(mode="json"),
        "calibration": calibration_record(settings),
    }
    write_json(path, document)


def counts(
    store: Store, totals: Totals, new_failures: int = 0, failed_commands: int = 0
) -> dict[str, Any]:
    """The counts in run.json."""
    return {
        "files": store.files.count(),
        "files_in_series": totals.files_in_series,
        "files_in_no_series": totals.files_alone,
        "series_waiting": store.series.n_waiting(),
        "new_failures": new_failures,
        "failed_commands": failed_commands,
        "studies": dict(totals.studies),
        "series": dict(totals.series),
        "slices": totals.slices,
        "verdicts": dict(totals.verdicts),
        "changes": dict(totals.changes),
        "series_reasons": dict(totals.series_reasons),
        "file_reasons": dict(totals.file_reasons),
    }
