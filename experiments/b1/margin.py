"""The margins of the tumor classes (`min_class_shares`).

The margin of a class is the smallest share of p_tumor for which at most a certain rate of the
series of left-out sources that get this class show something else. This rate is CLASS_ERROR, or
lower if that is needed for at most OPEN_ERROR wrong classes among all tumors of the sources that
contain kinds of tumors without a class; any class is wrong for such a tumor. Persons and sources
have the same weights as in thresholds.py.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.b1.rates import rate
from experiments.b1.table import ANY_TUMOR
from experiments.b1.temperature import Metrics
from experiments.b1.verdicts import CaseVerdict, source_weights

CLASS_ERROR, OPEN_ERROR = 0.15, 0.10
NO_CLASS = 1.0
_FEWEST = 10  # correct series; with fewer, the class is never reported
_SHARES = np.arange(500, 1000) / 1000
_LEVELS = np.arange(round(100 * CLASS_ERROR), 0, -1) / 100
_FOLDS = 10
Margins = Mapping[str, float]


def fit_margins(series: Sequence[CaseVerdict]) -> dict[str, float]:
    """Return the margin of each tumor class; NO_CLASS if there is too little evidence.

    `series` are tumors that are called a tumor.
    """
    if not series:
        return {}
    names = series[0].classes.names
    classes = [name for name in names if name != series[0].classes.no_tumor]
    mixed = {one.case.source for one in series if one.case.label == ANY_TUMOR}
    of_all_kinds = [one for one in series if one.case.source in mixed]
    margins = {}
    for level in _LEVELS:
        margins = {name: _fit(name, series, float(level)) for name in classes}
        wrong = [gets_class(o, margins) and o.tumor_class != o.case.label for o in of_all_kinds]
        if sum(wrong) <= OPEN_ERROR * len(wrong):
            return margins
    return {name: NO_CLASS if mixed else margin for name, margin in margins.items()}


def _fit(name: str, series: Sequence[CaseVerdict], level: float) -> float:
    weights = source_weights(series)
    claimed = np.array([one.tumor_class == name for one in series])
    right = np.array([one.case.label == name for one in series])[claimed]
    shares = np.array([one.share for one in series])[claimed]
    weight = weights[claimed]
    for share in _SHARES:
        given = shares >= share
        if right[given].sum() < _FEWEST:
            break
        if weight[given & ~right].sum() <= level * weight[given].sum():
            return float(share)
    return NO_CLASS


def gets_class(one: CaseVerdict, margins: Margins) -> bool:
    """Return whether the share of the leading class is large enough."""
    return one.share >= margins.get(one.tumor_class, NO_CLASS)


def margin_metrics(series: Sequence[CaseVerdict], margins: Margins, prefix: str = "") -> Metrics:
    """Return how often a class is reported, and how often it is right, with exact intervals."""
    known = [one for one in series if one.case.label != ANY_TUMOR]
    others = [one for one in series if one.case.label == ANY_TUMOR]
    return {
        f"{prefix}given a class": rate(gets_class(one, margins) for one in known),
        f"{prefix}right among those given a class": rate(
            one.tumor_class == one.case.label for one in known if gets_class(one, margins)
        ),
        f"{prefix}other kinds given a class": rate(gets_class(one, margins) for one in others),
        f"{prefix}right or kind open": rate(
            not gets_class(one, margins) or one.tumor_class == one.case.label for one in series
        ),
    }


def left_out_margins(series: Sequence[CaseVerdict]) -> Metrics:
    """Return the ranges of margins fitted without some persons, and their results on these."""
    persons = sorted({(one.case.source, one.case.person or one.case.name) for one in series})
    fold_of = {person: place % _FOLDS for place, person in enumerate(persons)}
    folds = [fold_of[one.case.source, one.case.person or one.case.name] for one in series]
    fitted: list[dict[str, float]] = []
    known: list[bool] = []
    fine: list[bool] = []
    for fold in sorted(set(folds)):
        others = [one for one, own in zip(series, folds, strict=True) if own != fold]
        fitted.append(fit_margins(others))
        for one in (one for one, own in zip(series, folds, strict=True) if own == fold):
            given, right = gets_class(one, fitted[-1]), one.tumor_class == one.case.label
            fine.append(not given or right)
            if given and one.case.label != ANY_TUMOR:
                known.append(right)
    metrics: Metrics = {}
    for name in fitted[0] if fitted else ():
        values = [margins[name] for margins in fitted if name in margins]
        metrics[f"{name} without a tenth"] = f"{min(values):.3f}-{max(values):.3f}"
    return metrics | {
        "left-out tenth: right among those given a class": rate(known),
        "left-out tenth: right or kind open": rate(fine),
    }
