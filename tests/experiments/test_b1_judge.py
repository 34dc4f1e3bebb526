"""The table that compares models, on made-up verdicts."""

from pathlib import Path

import numpy as np

from batchmri.settings.sections import VerdictSettings
from batchmri.training.table import Row
from experiments.b1.cases import Case
from experiments.b1.judge import CaseVerdict, called_tumor, compare, right_class, series

CLASSES = ("glioma", "meningioma", "notumor")
RULES = VerdictSettings(tumor_above=0.6, notumor_below=0.3, notumor_below_without_contrast=0.1)


def one(
    label: str, p: tuple[float, float, float], n: int = 1, distance: float = 0.5, **more: bool
) -> CaseVerdict:
    row = Row(Path("any"), label, "dev")
    case = Case("atlas44", label, label, "p", (row,) * n, **more)
    found = np.array(p)
    return CaseVerdict(case, CLASSES, 2, np.array([p] * n), found, distance, RULES)


def test_the_class_counts_among_those_called_a_tumor() -> None:
    cases = [
        one("glioma", (0.7, 0.1, 0.2)),
        one("glioma", (0.1, 0.7, 0.2)),
        one("glioma", (0.3, 0.1, 0.6)),
    ]
    assert called_tumor(cases) == "67% of 3"
    assert right_class(cases) == "50% of 2"


def test_a_series_needs_its_thresholds_and_the_domain() -> None:
    cases = [
        one("notumor", (0.05, 0.0, 0.95), 4, contrast=False),
        one("notumor", (0.2, 0.0, 0.8), 4),
        one("notumor", (0.2, 0.0, 0.8), 4, contrast=False),  # in doubt without contrast
        one("notumor", (0.9, 0.0, 0.1), 4, 1.2),  # out of the domain
    ]
    assert series(cases) == "2/1/1; checked 2/2/0"


def test_every_line_has_a_figure_per_model() -> None:
    cases = [one("glioma", (0.7, 0.1, 0.2), infratentorial=True)]
    table = {row[0]: row[1:] for row in compare({"old": [], "new": cases}, final=True)}
    assert table["posterior fossa, contrast: called a tumor"] == ["-", "100% of 1"]
    assert table["validation"] == ["-", "-"]
