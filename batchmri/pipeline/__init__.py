"""Wires the stages: index, plan, load, batch, classify, draw, export."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchmri.pipeline.api import Classifier, Predictions, load_classifier
    from batchmri.pipeline.main_job import scan
    from batchmri.pipeline.options import ScanOptions
    from batchmri.pipeline.preview import dry_run
    from batchmri.pipeline.rules_anew import reverdict

__all__ = [
    "Classifier",
    "Predictions",
    "ScanOptions",
    "dry_run",
    "load_classifier",
    "reverdict",
    "scan",
]

_HOMES = {
    "Classifier": "api",
    "Predictions": "api",
    "load_classifier": "api",
    "ScanOptions": "options",
    "dry_run": "preview",
    "reverdict": "rules_anew",
    "scan": "main_job",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
