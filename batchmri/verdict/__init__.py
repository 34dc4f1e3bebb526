"""From slice scores to verdicts: pure functions, documented in docs/verdict.md."""

from batchmri.verdict.series import most_suspicious_run, series_verdict
from batchmri.verdict.study import study_verdict

__all__ = ["most_suspicious_run", "series_verdict", "study_verdict"]
