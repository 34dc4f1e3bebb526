"""Wires the stages: index, plan, load, batch, classify, draw, export."""

from typing import TYPE_CHECKING

from batchmri.lazy import exporter

if TYPE_CHECKING:
    from batchmri.pipeline.api import Classifier as Classifier
    from batchmri.pipeline.api import Predictions as Predictions
    from batchmri.pipeline.api import load_classifier as load_classifier
    from batchmri.pipeline.made_with import effective_settings as effective_settings
    from batchmri.pipeline.main_job import scan as scan
    from batchmri.pipeline.options import ScanOptions as ScanOptions
    from batchmri.pipeline.outlook import Outlook as Outlook
    from batchmri.pipeline.outlook import status as status
    from batchmri.pipeline.preview import dry_run as dry_run
    from batchmri.pipeline.reread import read_slices as read_slices
    from batchmri.pipeline.rules_anew import reverdict as reverdict

_HOMES = {
    "Classifier": "api",
    "Outlook": "outlook",
    "Predictions": "api",
    "ScanOptions": "options",
    "dry_run": "preview",
    "effective_settings": "made_with",
    "load_classifier": "api",
    "read_slices": "reread",
    "reverdict": "rules_anew",
    "scan": "main_job",
    "status": "outlook",
}
__all__ = list(_HOMES)
__getattr__ = exporter(__name__, _HOMES)
