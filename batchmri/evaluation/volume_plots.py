"""Plots of a volume evaluation: confusion of verdicts, and curves of `p_tumor`."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from batchmri.evaluation.calibration import binned
from batchmri.evaluation.charts import (
    Curve,
    Draw,
    draw_confusion,
    draw_coverage,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    save_figure,
)
from batchmri.evaluation.intervals import Ints
from batchmri.evaluation.volume_join import Case
from batchmri.records import INDETERMINATE, TUMOR

NO_VERDICT = "not classified"
_TUMOR_PANEL = "any tumor against no tumor"


def write_volume_plots(
    series: Sequence[Case],
    patients: Sequence[Case],
    classes: Sequence[str],
    no_tumor: str,
    folder: Path,
) -> None:
    """Write confusion, roc, precision_recall, reliability and coverage (.png).

    All but confusion need verdicts on cases with and without a tumor; otherwise they are deleted.
    """
    true, counts = verdict_counts(series, classes)
    called = verdicts_of(classes)
    table = partial(draw_confusion, counts=counts, true=true, predicted=called)
    save_figure(
        folder / "confusion.png", "Series by verdict", {f"series, n = {len(series)}": table}
    )
    series_curve = tumor_curve("series", series, no_tumor)
    curves = [c for c in (series_curve, tumor_curve("patients", patients, no_tumor)) if c]
    plots: dict[str, tuple[str, Draw]] = {
        "roc": ("ROC", partial(draw_roc, curves=curves)),
        "precision_recall": ("Precision and recall", partial(draw_precision_recall, curves=curves)),
    }
    for file, (title, draw) in plots.items():
        save_figure(folder / f"{file}.png", title, {_TUMOR_PANEL: draw} if curves else {})
    _write_series_plots(series_curve, folder)


def _write_series_plots(curve: Curve | None, folder: Path) -> None:
    reliability: dict[str, Draw] = {}
    coverage: dict[str, Draw] = {}
    if curve:
        name, tumor, has_tumor = curve
        reliability[name] = partial(
            draw_reliability,
            found=binned(tumor, has_tumor),
            x_label="p_tumor",
            y_label="with a tumor",
            what="series",
        )
        coverage[f"{name}; a tumor above p_tumor 0.5"] = partial(
            draw_coverage,
            labels=has_tumor.astype(np.int64),
            probabilities=np.stack([1 - tumor, tumor], axis=1),
            what="series",
        )
    save_figure(folder / "reliability.png", "Reliability of p_tumor", reliability)
    save_figure(folder / "coverage.png", "Risk by coverage", coverage)


def verdicts_of(classes: Sequence[str]) -> tuple[str, ...]:
    """Return all possible verdicts, including "not classified"."""
    return tuple(dict.fromkeys((*classes, TUMOR, INDETERMINATE, NO_VERDICT)))


def verdict_counts(cases: Sequence[Case], classes: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """Return the true classes that occur, and counts (true classes, `verdicts_of`)."""
    counts = Counter((case.label, case.verdict or NO_VERDICT) for case in cases)
    labels = {case.label for case in cases}
    true = tuple(name for name in classes if name in labels)
    rows = [[counts[label, verdict] for verdict in verdicts_of(classes)] for label in true]
    return true, np.array(rows, np.int64).reshape(len(true), -1)


def tumor_curve(name: str, cases: Sequence[Case], no_tumor: str) -> Curve | None:
    """Return p_tumor of the cases with a verdict, and which of them have a tumor.

    Returns None unless there are cases with and without a tumor.
    """
    scored = [(case.tumor, case.label != no_tumor) for case in cases if case.tumor is not None]
    tumor = np.array([value for value, _ in scored], np.float64)
    has_tumor = np.array([is_tumor for _, is_tumor in scored], np.bool_)
    if has_tumor.all() or not has_tumor.any():
        return None
    return f"{name}, n = {len(scored)}", tumor, has_tumor
