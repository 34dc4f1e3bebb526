"""The figures of an evaluation of volumes: verdicts, and what `p_tumor` is worth."""

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
from batchmri.records import INDETERMINATE

NO_VERDICT = "not classified"
_TUMOR = "any tumour against none"


def write_volume_plots(
    series: Sequence[Case],
    patients: Sequence[Case],
    classes: Sequence[str],
    no_tumor: str,
    folder: Path,
) -> None:
    """Write confusion, and of p_tumor roc, precision_recall, reliability and coverage (.png).

    Those of p_tumor are removed unless tumours and what is free of them both have verdicts.
    """
    true, counts = verdict_counts(series, classes)
    called = verdicts_of(classes)
    table = partial(draw_confusion, counts=counts, true=true, called=called)
    save_figure(
        folder / "confusion.png", "Series by verdict", {f"series, n = {len(series)}": table}
    )
    of_series = tumor_curve("series", series, no_tumor)
    curves = [c for c in (of_series, tumor_curve("patients", patients, no_tumor)) if c]
    plots: dict[str, tuple[str, Draw]] = {
        "roc": ("ROC", partial(draw_roc, curves=curves)),
        "precision_recall": ("Precision and recall", partial(draw_precision_recall, curves=curves)),
    }
    for file, (title, draw) in plots.items():
        save_figure(folder / f"{file}.png", title, {_TUMOR: draw} if curves else {})
    _write_of_series(of_series, folder)


def _write_of_series(curve: Curve | None, folder: Path) -> None:
    reliability: dict[str, Draw] = {}
    coverage: dict[str, Draw] = {}
    if curve:
        name, tumor, sought = curve
        reliability[name] = partial(
            draw_reliability,
            found=binned(tumor, sought),
            across="p_tumor",
            up="with a tumour",
            what="series",
        )
        coverage[f"{name}; a tumour above p_tumor 0.5"] = partial(
            draw_coverage,
            labels=sought.astype(np.int64),
            probabilities=np.stack([1 - tumor, tumor], axis=1),
            what="series",
        )
    save_figure(folder / "reliability.png", "Reliability of p_tumor", reliability)
    save_figure(folder / "coverage.png", "Coverage against risk", coverage)


def verdicts_of(classes: Sequence[str]) -> tuple[str, ...]:
    """All that a case may be called."""
    return (*classes, INDETERMINATE, NO_VERDICT)


def verdict_counts(cases: Sequence[Case], classes: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """The classes that cases are of, and how many of each (rows) have each of `verdicts_of`."""
    counts = Counter((case.label, case.verdict or NO_VERDICT) for case in cases)
    labels = {case.label for case in cases}
    true = tuple(name for name in classes if name in labels)
    rows = [[counts[label, verdict] for verdict in verdicts_of(classes)] for label in true]
    return true, np.array(rows, np.int64).reshape(len(true), -1)


def tumor_curve(name: str, cases: Sequence[Case], no_tumor: str) -> Curve | None:
    """p_tumor of the cases with a verdict, and which have one; None unless some do and some not."""
    told = [(case.tumor, case.label != no_tumor) for case in cases if case.tumor is not None]
    tumor = np.array([value for value, _ in told], np.float64)
    sought = np.array([own for _, own in told], np.bool_)
    if sought.all() or not sought.any():
        return None
    return f"{name}, n = {len(told)}", tumor, sought
