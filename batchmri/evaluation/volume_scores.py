"""Metrics of verdicts: sensitivity, specificity and others, per series and per patient."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from batchmri.evaluation.intervals import RESAMPLES, Indices, Key, Measure, bootstrapped
from batchmri.evaluation.volume_join import STRATA, Case, SliceCase
from batchmri.proportions import wilson
from batchmri.records import INDETERMINATE

SHARES = ("sensitivity", "specificity", "right_class", "definite")
SLICE_SHARES = ("tumor_called_tumor", "tumor_free_called_tumor")


def case_measures(
    subset: str, cases: Sequence[Case], no_tumor: str, resamples: int = RESAMPLES
) -> list[Measure]:
    """Return metrics of all cases and by source, plane, sequence and manufacturer (`plane=axial`).

    sensitivity: fraction of tumors called any tumor class; right_class: fraction of tumors called
    the true class; specificity: fraction of tumor-free cases called tumor-free; a case without a
    verdict counts as wrong in these three, a tumor of open kind only in right_class. definite:
    fraction of cases with a verdict other than indeterminate. roc_auc: area under the ROC curve of
    the probability of a tumor, over classified cases.
    """
    measures = []
    for stratum, own in _strata(cases).items():
        measures += _rate_measures(subset, stratum, own, no_tumor)
        measures += _auc(subset, stratum, own, no_tumor, resamples)
    return measures


def slice_measures(cases: Sequence[SliceCase], no_tumor: str) -> list[Measure]:
    """Return the fractions of slices with and without tumor called a tumor, and by source."""
    strata = {"": list(cases)}
    for case in cases:
        if case.source:
            strata.setdefault(f"source={case.source}", []).append(case)
    measures = []
    for stratum, own in strata.items():
        for metric, is_tumor in zip(SLICE_SHARES, (True, False), strict=True):
            some = [one for one in own if (one.label != no_tumor) == is_tumor]
            called = [one.predicted != no_tumor for one in some]
            measures.append(_rate("slices", metric, stratum, called, [c.patient for c in some]))
    return measures


def _strata(cases: Sequence[Case]) -> dict[str, list[Case]]:
    strata = {"": list(cases)}
    for name in ("source", *STRATA):
        for value in sorted({_stratum(case, name) for case in cases} - {""}):
            strata[f"{name}={value}"] = [case for case in cases if _stratum(case, name) == value]
    return strata


def _stratum(case: Case, name: str) -> str:
    return case.source if name == "source" else case.strata.get(name, "")


def _rate_measures(
    subset: str, stratum: str, cases: Sequence[Case], no_tumor: str
) -> list[Measure]:
    tumors = [case for case in cases if case.label != no_tumor]
    tumor_free = [case for case in cases if case.label == no_tumor]
    not_tumor = ("", INDETERMINATE, no_tumor)
    criteria: Mapping[str, tuple[Sequence[Case], Callable[[Case], bool]]] = {
        "sensitivity": (tumors, lambda case: case.verdict not in not_tumor),
        "specificity": (tumor_free, lambda case: case.verdict == no_tumor),
        "right_class": (tumors, lambda case: case.verdict == case.label),
        "definite": (cases, lambda case: case.verdict not in ("", INDETERMINATE)),
    }
    return [
        _rate(subset, metric, stratum, [right(c) for c in own], [c.patient for c in own])
        for metric, (own, right) in criteria.items()
    ]


def _rate(
    subset: str, metric: str, of: str, right: Sequence[bool], patients: Sequence[str]
) -> Measure:
    """Return a proportion with its Wilson interval.

    The interval uses the number of patients as n, since cases of one patient are not independent.
    Unlike a bootstrap interval, it is not empty if all or none of the cases are right.
    """
    if not right:
        return Measure(subset, metric, of, math.nan, n=0)
    share = sum(right) / len(right)
    return Measure(subset, metric, of, share, *wilson(share, len(set(patients))), len(right))


def _auc(
    subset: str, stratum: str, cases: Sequence[Case], no_tumor: str, resamples: int
) -> list[Measure]:
    known = [(case.label != no_tumor, case.tumor, case.patient) for case in cases]
    scored = [(label, tumor, patient) for label, tumor, patient in known if tumor is not None]
    labels = np.array([label for label, _, _ in scored], np.bool_)
    if labels.all() or not labels.any():
        return []
    tumor = np.array([value for _, value, _ in scored])
    groups = np.unique([patient for _, _, patient in scored], return_inverse=True)[1]

    def statistic(some: Indices) -> dict[Key, float]:
        own = labels[some]
        has_both = own.any() and not own.all()
        return {
            ("roc_auc", stratum): float(roc_auc_score(own, tumor[some])) if has_both else math.nan
        }

    # Strata have too few groups for a useful interval, and the bootstrap is expensive.
    if stratum:
        value = statistic(np.arange(len(labels)))["roc_auc", stratum]
        return [Measure(subset, "roc_auc", stratum, value, n=len(labels))]
    return bootstrapped(subset, statistic, groups.astype(np.int64), resamples)
