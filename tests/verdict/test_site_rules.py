"""Verdict rules fitted to labeled series, with known correct values."""

import math
from collections.abc import Iterable

import pytest

from batchmri.records import Classes, CropBox, Scores, SliceRef
from batchmri.settings.verdict import VerdictSettings
from batchmri.verdict.site_rules import (
    LabeledSeries,
    SiteFit,
    Targets,
    fewest_for,
    rank,
    smallest_share,
)
from batchmri.verdict.temperature import sharpened, sharpening
from tests.outputs.records import series

CLASSES = Classes(("glioma", "meningioma", "notumor"), "notumor")
BINARY = Classes(("notumor", "spot"), "notumor", temperature=0.5)
RULES = VerdictSettings(tumor_above=0.643, notumor_below=0.261)


def labeled(
    label: str, row: tuple[float, ...], name: str, sequence: str = "t1_contrast"
) -> LabeledSeries:
    scores = (Scores(SliceRef("a", "a", "1", 1, 0, 0.0), row, CropBox(0, 0, 60, 60)),)
    return LabeledSeries(name, series(sequence=sequence), scores, label)


def of_p_tumor(
    label: str, values: Iterable[float], sequence: str = "t1_contrast"
) -> list[LabeledSeries]:
    return [
        labeled(label, (0.8 * p, 0.2 * p, 1 - p), f"{label}{sequence}{i}", sequence)
        for i, p in enumerate(values)
    ]


FREE = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]
TUMORS = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7]


def site(
    *found: list[LabeledSeries], targets: Targets | None = None, classes: Classes = CLASSES
) -> SiteFit:
    every = [one for some in found for one in some]
    return SiteFit(every, classes, RULES, targets or Targets(0.2, 0.1, 0.2))


def test_thresholds_are_the_order_statistics_of_the_targets() -> None:
    """Of 9 series, 20% allow the 2nd highest, and 10% the lowest."""
    fitted = site(of_p_tumor("notumor", FREE), of_p_tumor("glioma", TUMORS)).fitted
    assert fitted == {"tumor_above": 0.4, "notumor_below": 0.3, "min_class_share": 0.8}


def test_tumors_without_contrast_have_a_separate_threshold() -> None:
    plain = of_p_tumor("glioma", [p - 0.2 for p in TUMORS], "t1")
    fitted = site(of_p_tumor("notumor", FREE), of_p_tumor("glioma", TUMORS), plain).fitted
    assert fitted["notumor_below_without_contrast"] == 0.1
    assert fitted["notumor_below"] == 0.3
    # Three of them are called a tumor, which are too few to state an error of 20%.
    assert "min_class_share_without_contrast" not in fitted


def test_the_limit_without_contrast_is_not_above_the_general_one() -> None:
    plain = of_p_tumor("glioma", [p + 0.2 for p in TUMORS], "t1")
    fitted = site(of_p_tumor("notumor", FREE), of_p_tumor("glioma", TUMORS), plain).fitted
    assert fitted["notumor_below_without_contrast"] == fitted["notumor_below"] == 0.3


def test_separated_labels_share_the_middle_as_threshold() -> None:
    fitted = site(of_p_tumor("notumor", [0.1] * 9), of_p_tumor("glioma", [0.8] * 9)).fitted
    assert fitted["tumor_above"] == fitted["notumor_below"] == 0.45


def test_rules_that_the_labels_do_not_support_are_left_out() -> None:
    few = Targets(fpr=0.05, fnr=0.1, class_error=0.05)
    fitted = site(of_p_tumor("notumor", FREE), of_p_tumor("glioma", TUMORS), targets=few).fitted
    assert fitted == {"notumor_below": 0.3}
    assert (fewest_for(0.05), fewest_for(0.1), fewest_for(0.02)) == (19, 9, 49)
    assert (rank(0.1, 8), rank(0.1, 9), rank(0.1, 19)) == (0, 1, 2)


def test_a_threshold_alone_does_not_contradict_the_one_of_the_card() -> None:
    low = of_p_tumor("notumor", [0.01] * 9)
    fitted = site(low, of_p_tumor("tumor", [0.9] * 3)).fitted
    assert fitted == {"tumor_above": 0.261}


def test_the_temperature_of_overconfident_probabilities_is_found() -> None:
    """The stored odds are the squares of the true ones: twice the temperature is right."""
    found = []
    for tenths in range(1, 10):
        odds = (tenths / (10 - tenths)) ** 2
        row = (1 / (1 + odds), odds / (1 + odds))
        for i in range(10):
            found.append(labeled("spot" if i < tenths else "notumor", row, f"{tenths}-{i}"))
    assert site(found, classes=BINARY).fitted["temperature"] == pytest.approx(1.0, rel=0.1)


def test_with_few_labels_the_temperature_is_kept() -> None:
    fitted = site(of_p_tumor("notumor", FREE), of_p_tumor("glioma", TUMORS * 2)).fitted
    assert "temperature" not in fitted


def test_probabilities_of_another_temperature() -> None:
    logits = (2.0, 0.5, -1.0)

    def softmax(temperature: float) -> tuple[float, ...]:
        powers = [math.exp(value / temperature) for value in logits]
        return tuple(power / sum(powers) for power in powers)

    classes = Classes(CLASSES.names, CLASSES.no_tumor, temperature=0.8)
    exponent = sharpening(classes, VerdictSettings(temperature=1.6))
    (changed,) = sharpened(labeled("glioma", softmax(0.8), "a").scores, exponent)
    assert changed.probabilities == pytest.approx(softmax(1.6))
    assert sharpening(classes, VerdictSettings()) == 1
    (extreme,) = sharpened(labeled("glioma", (1e-300, 1.0, 0.0), "a").scores, 5)
    assert extreme.probabilities == (0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("found", "share"),
    [
        ([(0.9, True)] * 6 + [(0.8, True), (0.7, False)], 0.8),
        ([(0.9, True)] * 6 + [(0.8, True), (0.7, False)] + [(0.6, True)] * 10, 0.6),
        ([(0.9, True)] * 6 + [(0.95, False)], 1.0),
        ([(0.9, True)] * 5, 1.0),
        ([], 1.0),
    ],
)
def test_the_smallest_share_with_few_wrong_classes(
    found: list[tuple[float, bool]], share: float
) -> None:
    assert smallest_share(found, 0.15) == share


def test_a_series_does_not_choose_the_rules_by_which_it_is_tested() -> None:
    """The most suspicious tumor-free series is called a tumor if the others choose."""
    fit = site(of_p_tumor("notumor", [0.1] * 8 + [0.7005]), of_p_tumor("tumor", [0.45] * 9),
               targets=Targets(0.1, 0.1, 0.2))  # fmt: skip
    assert fit.fitted == {"tumor_above": 0.701, "notumor_below": 0.45}
    assert fit.verdict(7, fit.fitted).name == "notumor"
    assert fit.verdict(8, fit.fitted).name == "indeterminate"
    assert fit.out_of_sample()[8].name == "glioma"


def test_series_of_a_study_are_left_out_together() -> None:
    same = [labeled("notumor", (0.5604, 0.1401, 0.2995), "one study") for _ in range(2)]
    fit = site(of_p_tumor("notumor", [0.1] * 7), same, of_p_tumor("tumor", [0.45] * 9),
               targets=Targets(0.1, 0.1, 0.2))  # fmt: skip
    assert [v.name for v in fit.out_of_sample()[7:9]] == ["glioma"] * 2
