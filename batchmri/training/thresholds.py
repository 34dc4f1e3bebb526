"""Calibration of the two verdict thresholds to target error rates, on series outside training.

The rows of split dev, in the order of the table, are slices of such series: a volume, or the images
of one patient and label. Each series is scored as in a scan, by the mean probability of any tumor
in its most suspicious run of adjacent slices. For further series from the same distribution as
these n, a share of at most α is expected above the k-th highest score, k = ⌊α (n + 1)⌋, for any
distribution (split conformal prediction: Vovk et al., Algorithmic Learning in a Random World,
2005). If k is 0, that is, with fewer than 1/α − 1 series of a kind, the threshold is not fitted.
"""

from collections.abc import Iterable, Sequence
from math import ceil, floor

from batchmri.settings.verdict import VerdictSettings
from batchmri.training.evaluate import Metrics
from batchmri.training.table import Row
from batchmri.verdict.series import most_suspicious_run

_STEPS = 1000  # thresholds have three decimals


def fit_thresholds(
    rows: Sequence[Row],
    suspicion: Sequence[float],
    no_tumor_class: str,
    target_fpr: float,
    target_fnr: float,
) -> tuple[dict[str, float], Metrics]:
    """Return verdict settings for the card, and the numbers of series they are based on.

    `suspicion` is the calibrated probability of any tumor for each row. `target_fpr` is the maximum
    share of tumor-free series that are reported as a tumor, and `target_fnr` the maximum share of
    series with a tumor that are reported as tumor-free.
    """
    free, tumor = _series(rows, suspicion, no_tumor_class)
    fitted: dict[str, float] = {}
    alarm, miss = _rank(target_fpr, len(free)), _rank(target_fnr, len(tumor))
    if miss:
        fitted["notumor_below"] = floor(sorted(tumor)[miss - 1] * _STEPS) / _STEPS
    if alarm:
        highest = ceil(sorted(free)[-alarm] * _STEPS) / _STEPS
        fitted["tumor_above"] = max(highest, fitted.get("notumor_below", 0.0))
    metrics: Metrics = {
        "tumor_free_series": len(free),
        "tumor_series": len(tumor),
        "target_fpr": target_fpr,
        "target_fnr": target_fnr,
    }
    return fitted, metrics | fitted


def _series(
    rows: Iterable[Row], suspicion: Iterable[float], no_tumor_class: str
) -> tuple[list[float], list[float]]:
    """Return the suspicion of each tumor-free series, and of each series with a tumor."""
    curves: dict[tuple[str, ...], list[float]] = {}
    for row, value in zip(rows, suspicion, strict=True):
        volume = str(row.file) if row.slice is not None else row.patient
        if volume:
            curves.setdefault((row.label, row.source, volume, row.plane or ""), []).append(value)
    found: tuple[list[float], list[float]] = ([], [])
    for (label, *_), curve in curves.items():
        run = most_suspicious_run(curve, VerdictSettings())
        found[label != no_tumor_class].append(sum(curve[place] for place in run) / len(run))
    return found


def _rank(rate: float, n: int) -> int:
    return floor(rate * (n + 1) + 1e-9)
