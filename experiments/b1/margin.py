"""The margin of the tumor class: below it, a tumor is reported without its kind.

The margin is the smallest share of the leading class in p_tumor for which, in series of left-out
sources that are called a tumor, at most CLASS_ERROR of those that get a class get a wrong one, and
at most OPEN_ERROR of all get a wrong one. A tumor of a kind outside the model's classes has no
right class. A source counts as much as the square root of the number of its series.
"""

from collections.abc import Sequence

import numpy as np

from experiments.b1.rates import rate
from experiments.b1.table import ANY_TUMOR
from experiments.b1.temperature import Figures
from experiments.b1.verdicts import Judged, source_weights

CLASS_ERROR, OPEN_ERROR = 0.15, 0.10
NO_CLASS = 1.0
_FEWEST = 20  # series of known class; with fewer, no class is claimed
_SHARES = np.arange(50, 100) / 100


def fit_margin(series: Sequence[Judged]) -> float:
    """Return the margin; NO_CLASS if there is too little evidence or no share is large enough.

    `series` are tumors that are called a tumor.
    """
    known = [one for one in series if one.case.label != ANY_TUMOR]
    if len(known) < _FEWEST:
        return NO_CLASS
    weights = source_weights(series)
    shares = np.array([one.share for one in series])
    wrong = np.array([one.tumor_class != one.case.label for one in series])
    is_known = np.array([one.case.label != ANY_TUMOR for one in series])
    for share in _SHARES:
        given = shares >= share
        of_known = weights[given & is_known].sum()
        error = weights[given & is_known & wrong].sum() / of_known if of_known else 0.0
        of_all = weights[given & wrong].sum() / weights.sum()
        if error <= CLASS_ERROR and of_all <= OPEN_ERROR:
            return float(share)
    return NO_CLASS


def margin_figures(series: Sequence[Judged], margin: float, prefix: str = "") -> Figures:
    """Return how often a class is given and right, with exact intervals."""
    known = [one for one in series if one.case.label != ANY_TUMOR]
    given = [one for one in known if one.share >= margin]
    others = [one for one in series if one.case.label == ANY_TUMOR]
    right = [one.tumor_class == one.case.label for one in given]
    fine = [one.share < margin or one.tumor_class == one.case.label for one in series]
    return {
        f"{prefix}given a class": rate(one.share >= margin for one in known),
        f"{prefix}right among those given a class": rate(right),
        f"{prefix}other kinds given a class": rate(one.share >= margin for one in others),
        f"{prefix}right or kind open": rate(fine),
    }


def left_out_margins(series: Sequence[Judged]) -> Figures:
    """Return the range of margins fitted without one source, and their results on that source."""
    margins, right, fine = [], [], []
    for source in sorted({one.case.source for one in series}):
        margins.append(fit_margin([one for one in series if one.case.source != source]))
        for one in (one for one in series if one.case.source == source):
            given = one.share >= margins[-1]
            is_right = one.tumor_class == one.case.label
            fine.append(not given or is_right)
            if given and one.case.label != ANY_TUMOR:
                right.append(is_right)
    return {
        "without one source": f"{min(margins):.2f}-{max(margins):.2f}",
        "left-out source: right among those given a class": rate(right),
        "left-out source: right or kind open": rate(fine),
    }
