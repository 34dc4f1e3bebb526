"""run.json: what one run was, how long its stages took, what it counted."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from batchmri.pipeline.export import Totals
from batchmri.pipeline.model import Model
from batchmri.report import write_json
from batchmri.settings import Settings
from batchmri.state import Store

_PACKAGES = ("batchmri", "monai", "nibabel", "numpy", "opencv-python-headless", "openvino")
_MORE_PACKAGES = ("pandas", "pydicom", "torch")


class Protocol:
    """Notes the time that stages take, and writes run.json."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        start = time.monotonic()
        yield
        self._seconds[name] = round(time.monotonic() - start, 3)

    def write(
        self,
        output: Path,
        settings: Settings,
        model: Model,
        totals: Totals,
        store: Store,
        n_slices: int,
    ) -> None:
        """Write run.json."""
        seconds = self._seconds.get("classify", 0.0)
        document: dict[str, Any] = {
            "run": self.run_id,
            "started": self._started,
            "note": "Research use only, not a medical device.",
            "versions": {name: version(name) for name in (*_PACKAGES, *_MORE_PACKAGES)},
            "python": sys.version.split()[0],
            "command": sys.argv,
            "state": store.location,
            "settings": settings.model_dump(mode="json"),
            "model": {"path": str(model.path), **model.made_with},
            "card": model.card.model_dump(mode="json"),
            "seconds": self._seconds,
            "slices_classified_now": n_slices,
            "slices_per_second": round(n_slices / seconds, 1) if seconds else None,
            "counts": {
                "files": store.files.count(),
                "files_in_series": totals.files_in_series,
                "files_in_no_series": totals.files_alone,
                "series_waiting": store.series.n_waiting(),
                "studies": dict(totals.studies),
                "series": dict(totals.series),
                "slices": totals.slices,
                "verdicts": dict(totals.verdicts),
                "changes": dict(totals.changes),
                "series_reasons": dict(totals.series_reasons),
                "file_reasons": dict(totals.file_reasons),
            },
        }
        write_json(output / "run.json", document)
