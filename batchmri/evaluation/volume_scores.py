"""How volumes are called: sensitivity, specificity and the rest, by series and by patient."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from batchmri.evaluation.intervals import RESAMPLES, Indices, Key, Measure, bootstrapped, wilson
from batchmri.evaluation.volume_join import STRATA, Case, SliceCase
from batchmri.records import INDETERMINATE

SHARES = ("sensitivity", "specificity", "right_class", "definite")
SLICE_SHARES = ("tumor_called_tumor", "tumor_free_called_tumor")


def case_measures(
    subset: str, cases: Sequence[Case], no_tumor: str, resamples: int = RESAMPLES
) -> list[Measure]:
    """Of all cases, then by source, plane, sequence and manufacturer (`plane=axial`).

    sensitivity: tumours called a tumour, of whatever class; right_class: tumours called their own
    class; specificity: tumour-free called so; definite: cases that get a class at all, not
    indeterminate and not left unclassified. None of the first three counts a case without a verdict
    as right. roc_auc: of the probability of a tumour, where there is one.
    """
    measures = []
    for stratum, own in _strata(cases).items():
        measures += _shares(subset, stratum, own, no_tumor)
        measures += _auc(subset, stratum, own, no_tumor, resamples)
    return measures


def slice_measures(cases: Sequence[SliceCase], no_tumor: str) -> list[Measure]:
    """How many slices with and without tumour are called a tumour, for all and by source."""
    strata = {"": list(cases)}
    for case in cases:
        if case.source:
            strata.setdefault(f"source={case.source}", []).append(case)
    measures = []
    for stratum, own in strata.items():
        for metric, is_tumor in zip(SLICE_SHARES, (True, False), strict=True):
            some = [one for one in own if (one.label != no_tumor) == is_tumor]
            called = [one.predicted != no_tumor for one in some]
            measures.append(_share("slices", metric, stratum, called, [c.patient for c in some]))
    return measures


def _strata(cases: Sequence[Case]) -> dict[str, list[Case]]:
    strata = {"": list(cases)}
    for name in ("source", *STRATA):
        for value in sorted({_stratum(case, name) for case in cases} - {""}):
            strata[f"{name}={value}"] = [case for case in cases if _stratum(case, name) == value]
    return strata


def _stratum(case: Case, name: str) -> str:
    return case.source if name == "source" else case.strata.get(name, "")


def _shares(subset: str, stratum: str, cases: Sequence[Case], no_tumor: str) -> list[Measure]:
    tumors = [case for case in cases if case.label != no_tumor]
    free = [case for case in cases if case.label == no_tumor]
    not_tumor = ("", INDETERMINATE, no_tumor)
    rights: Mapping[str, tuple[Sequence[Case], Callable[[Case], bool]]] = {
        "sensitivity": (tumors, lambda case: case.verdict not in not_tumor),
        "specificity": (free, lambda case: case.verdict == no_tumor),
        "right_class": (tumors, lambda case: case.verdict == case.label),
        "definite": (cases, lambda case: case.verdict not in ("", INDETERMINATE)),
    }
    return [
        _share(subset, metric, stratum, [right(c) for c in own], [c.patient for c in own])
        for metric, (own, right) in rights.items()
    ]


def _share(
    subset: str, metric: str, of: str, right: Sequence[bool], patients: Sequence[str]
) -> Measure:
    """A share with Wilson's interval at the number of patients: those of one are not independent.

    Unlike a bootstrap it says something where all or none are right.
    """
    if not right:
        return Measure(subset, metric, of, math.nan, n=0)
    share = sum(right) / len(right)
    return Measure(subset, metric, of, share, *wilson(share, len(set(patients))), len(right))


def _auc(
    subset: str, stratum: str, cases: Sequence[Case], no_tumor: str, resamples: int
) -> list[Measure]:
    known = [(case.label != no_tumor, case.tumor, case.patient) for case in cases]
    told = [(label, tumor, patient) for label, tumor, patient in known if tumor is not None]
    labels = np.array([label for label, _, _ in told], np.bool_)
    if labels.all() or not labels.any():
        return []
    tumor = np.array([value for _, value, _ in told])
    groups = np.unique([patient for _, _, patient in told], return_inverse=True)[1]

    def statistic(some: Indices) -> dict[Key, float]:
        own = labels[some]
        both = own.any() and not own.all()
        return {("roc_auc", stratum): float(roc_auc_score(own, tumor[some])) if both else math.nan}

    # By strata the intervals would cost much and say little: the groups are few.
    if stratum:
        value = statistic(np.arange(len(labels)))["roc_auc", stratum]
        return [Measure(subset, "roc_auc", stratum, value, n=len(labels))]
    return bootstrapped(subset, statistic, groups.astype(np.int64), resamples)
