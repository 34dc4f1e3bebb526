"""Rows of the table of judge.py: the cases, and the value that is computed for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import f1_score

from batchmri.evaluation.calibration import calibration_error
from experiments.b1.cases import FREE, Case
from experiments.b1.outputs import Floats
from experiments.b1.rates import rate
from experiments.b1.table import ANY_TUMOR
from experiments.b1.verdicts import CaseVerdict

Cases = Sequence[CaseVerdict]
Select = Callable[[Case], bool]
Value = Callable[[Cases], str]
_SURE = 0.95


@dataclass(frozen=True)
class TableRow:
    """A row: its title, its cases, and its value for the verdicts of a model."""

    what: str
    wanted: Select
    value: Value


def of(*groups: str, kinds: tuple[str, ...] = (), **wanted: bool) -> Select:
    """Return a condition for cases: groups, kinds (or labels) and attributes."""
    return lambda case: (
        case.group in groups
        and (not kinds or case.kind in kinds or case.label in kinds)
        and all(getattr(case, name) == value for name, value in wanted.items())
    )


def called_tumor(cases: Cases) -> str:
    """Return the share with the verdict `tumor` or a tumor class."""
    return rate(one.called_tumor for one in cases)


def called_free(cases: Cases) -> str:
    """Return the share with the verdict that there is no tumor."""
    return rate(one.called_free for one in cases)


def right_class(cases: Cases) -> str:
    """Return the share with the right class as verdict."""
    return rate(one.right_class for one in cases)


def right_of_given(cases: Cases) -> str:
    """Return the share with the right class among those with a tumor class as verdict."""
    return rate(one.right_class for one in cases if one.given_class)


def right_or_open(cases: Cases) -> str:
    """Return the share with the right class or the verdict `tumor`, of those called a tumor."""
    return rate(not one.given_class or one.right_class for one in cases if one.called_tumor)


def highest(cases: Cases) -> str:
    """Return the highest p_tumor of a series."""
    return f"{max(one.p_tumor for one in cases):.2f}"


def outside(cases: Cases) -> str:
    """Return the share that is out of distribution or another sequence."""
    return rate(one.verdict.reason.is_outside for one in cases)


def tumor_slices(cases: Cases) -> str:
    """Return how many of the slices that show a tumor have a tumor class as leading class."""
    return rate(_led_by_tumor(cases, True))


def free_slices(cases: Cases) -> str:
    """Return the same for slices that do not show a tumor."""
    return rate(_led_by_tumor(cases, False))


def _led_by_tumor(cases: Cases, shows_tumor: bool) -> list[bool]:
    return [
        bool(row.argmax() != one.classes.names.index(one.classes.no_tumor))
        for one in cases
        for row, label in zip(one.slices, _slice_labels(one), strict=True)
        if label is shows_tumor
    ]


def _slice_labels(one: CaseVerdict) -> Sequence[bool | None]:
    if one.case.label == FREE:
        return [False] * len(one.slices)
    alone = len(one.slices) == 1
    return one.case.slice_labels or [True if alone else None] * len(one.slices)


def accuracy(cases: Cases) -> str:
    """Return accuracy and macro F1 of the leading class of images."""
    true, found = [one.case.label for one in cases], [one.leading for one in cases]
    right = np.mean([a == b for a, b in zip(true, found, strict=True)])
    return f"{right:.3f}; F1 {f1_score(true, found, average='macro'):.3f}"


def class_error(cases: Cases) -> str:
    """Return the expected calibration error of the leading class of images."""
    known = [one for one in cases if one.case.label != ANY_TUMOR]
    names = known[0].classes.names if known else ()
    labels = [names.index(one.case.label) for one in known for _ in one.slices]
    return _error(labels, [one.slices for one in known])


def mean_class_error(cases: Cases) -> str:
    """Return the mean of the calibration errors of the groups of cases."""
    groups = sorted({one.case.group for one in cases})
    errors = [class_error([one for one in cases if one.case.group == name]) for name in groups]
    return f"{np.mean([float(error) for error in errors]):.3f}"


def series_error(cases: Cases) -> str:
    """Return the expected calibration error of the leading class of series."""
    known = [one for one in cases if one.case.label != ANY_TUMOR]
    names = known[0].classes.names if known else ()
    labels = [names.index(one.case.label) for one in known]
    return _error(labels, [np.array([one.verdict.probabilities]) for one in known])


def _error(labels: Sequence[int], probabilities: Sequence[Floats]) -> str:
    if not labels:
        return "-"
    error = calibration_error(np.array(labels, np.int64), np.concatenate(probabilities))
    return f"{error:.3f}"


def sure_and_right(cases: Cases) -> str:
    """Return the share of the right class among tumors with a tumor class of at least 0.95."""
    return rate(
        one.leading == one.case.label
        for one in cases
        if one.case.label not in (FREE, ANY_TUMOR)
        and one.leading != FREE
        and max(one.verdict.probabilities) >= _SURE
    )


_KINDS = ("Ependimoma", "Meduloblastoma", "Schwannoma", "Neurocitoma", "Papiloma", "Germinoma")
_MEASURED = ("lgg", "atlas44", "heads", "native slices")  # sources whose images have labels


def rows_of_table(final: bool) -> list[TableRow]:
    """Return the rows; with `final`, also those on which no choice may depend."""
    return [TableRow(*row) for row in (*_dev_rows(), *(_final_rows() if final else []))]


def _dev_rows() -> list[tuple[str, Select, Value]]:
    native = of("native slices", "native heads", trained=False)
    atlas = "atlas44"
    return [
        *_heads("native heads with skull, left-out sources", native),
        *_heads("heads at 2 mm, left-out sources", of("heads")),
        *_heads("skull-stripped head, left-out source", of("stripped slices")),
        *_heads("native and stripped volumes that were trained on",
                of("native heads", "stripped heads", trained=True)),
        *_tumors("skull-stripped gliomas", of("stripped tumors", trained=False)),
        *_tumors("skull-stripped gliomas that were trained on",
                 of("stripped tumors", trained=True)),
        *_atlas("44-class set", atlas),
        ("other lesions (granuloma, tuberculoma): a tumor", of("other lesions"), called_tumor),
        *_tumors("pituitary volumes", of("pituitary volumes")),
        *_tumors("meningioma and glioma volume", of("other volumes")),
        *_tumors("GBM volumes that were trained on", of("gbm")),
        ("- slices with a tumor: a tumor", of("gbm"), tumor_slices),
        ("- tumor-free slices: a tumor", of("gbm"), free_slices),
        ("low-grade glioma slices of left-out hospitals: a tumor", of("lgg"), tumor_slices),
        ("- tumor-free slices: a tumor", of("lgg"), free_slices),
        ("left-out sources, images: mean calibration error of groups",
         of(*_MEASURED), mean_class_error),
        *((f"- {group}", of(group), class_error) for group in _MEASURED),
        ("- series", of(*_MEASURED, "native heads", "pituitary volumes", "stripped tumors",
                        "other volumes", trained=False), series_error),
        ("validation: accuracy", of("val"), accuracy),
        ("- calibration error", of("val"), class_error),
    ]  # fmt: skip


def _final_rows() -> list[tuple[str, Select, Value]]:
    coronal = "pituitary-coronal"
    held = "atlas44 held back"
    return [
        ("FINAL leak-free test: accuracy", of("test"), accuracy),
        ("- calibration error", of("test"), class_error),
        *_atlas("FINAL 44-class set", held),
        ("- tumor-free, no contrast: a tumor", of(held, kinds=(FREE,)), called_tumor),
        ("FINAL pituitary-coronal, images with a tumor: a tumor",
         of(coronal, kinds=("pituitary",)), called_tumor),
        ("- pituitary", of(coronal, kinds=("pituitary",)), right_class),
        ("- tumor-free images: a tumor", of(coronal, kinds=(FREE,)), called_tumor),
    ]  # fmt: skip


def _heads(what: str, wanted: Select) -> list[tuple[str, Select, Value]]:
    return [
        (f"{what}: notumor", wanted, called_free),
        ("- a tumor", wanted, called_tumor),
        ("- out of distribution", wanted, outside),
        ("- highest p_tumor", wanted, highest),
        ("- slices: a tumor", wanted, free_slices),
    ]


def _tumors(what: str, wanted: Select) -> list[tuple[str, Select, Value]]:
    return [
        (f"{what}: a tumor", wanted, called_tumor),
        ("- right class", wanted, right_class),
        ("- right class or kind open, of those", wanted, right_or_open),
        ("- out of distribution", wanted, outside),
    ]


def _atlas(what: str, group: str) -> list[tuple[str, Select, Value]]:
    enhanced = of(group, contrast=True)
    return [
        (f"{what}, contrast, posterior fossa: a tumor",
         of(group, contrast=True, infratentorial=True), called_tumor),
        (f"{what}, contrast, all tumors: a tumor", enhanced, called_tumor),
        ("- right class or kind open, of those", enhanced, right_or_open),
        *((f"- {kind}: a tumor", of(group, kinds=(kind,), contrast=True), called_tumor)
          for kind in _KINDS),
        *(line for kind in ("glioma", "meningioma") for line in (
            (f"- {kind}: a tumor", of(group, kinds=(kind,), contrast=True), called_tumor),
            ("- - right class", of(group, kinds=(kind,), contrast=True), right_class),
            ("- - right class of those with a class", of(group, kinds=(kind,), contrast=True),
             right_of_given),
        )),
        ("- gliomas and meningiomas, right class of those with a class",
         of(group, kinds=("glioma", "meningioma"), contrast=True), right_of_given),
        ("- right among those with a class at 0.95", enhanced, sure_and_right),
        ("- calibration error", enhanced, class_error),
        *(line for kind in ("glioma", "meningioma") for line in (
            (f"{what}, no contrast, {kind}: a tumor", of(group, kinds=(kind,), contrast=False),
             called_tumor),
            ("- notumor", of(group, kinds=(kind,), contrast=False), called_free),
            ("- right class of those with a class", of(group, kinds=(kind,), contrast=False),
             right_of_given),
        )),
    ]  # fmt: skip
