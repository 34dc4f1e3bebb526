"""Temperature, thresholds, margin and domain limit, on generated outputs of a network."""

import numpy as np
import pytest

from batchmri.model.card import Card
from batchmri.settings.verdict import VerdictSettings
from experiments.b1.calibrate import calibrate, series_of
from experiments.b1.domain_limit import fit_limit, weighted_quantile
from experiments.b1.margin import NO_CLASS, fit_margins, left_out_margins, margin_metrics
from experiments.b1.rates import exact_interval, rate
from experiments.b1.temperature import fit_temperature, temperature_groups
from experiments.b1.thresholds import Thresholds, applied, fit_thresholds, left_out_metrics
from experiments.b1.verdicts import CaseVerdict, Rules, source_weights, verdicts_of
from tests.experiments.made_up import CARD, CLASSES, case, domain, found, output

SURE, UNSURE = [4.0, 0.0, 0.0], [0.0, 4.0, 0.0]


def test_the_temperature_makes_confidence_equal_to_accuracy() -> None:
    """Logits of 4 mean 97%, but 3 of 4 are right: softmax(4 / T) has to be about 0.75."""
    group = [output(case("glioma"), [one]) for one in (SURE, SURE, SURE, UNSURE)]
    temperature, metrics = fit_temperature({"a": group, "b": group}, 2, CLASSES)
    p = np.exp(4 / temperature) / (np.exp(4 / temperature) + 2)
    assert p == pytest.approx(0.75, abs=0.02)
    assert metrics["calibration error a"] == pytest.approx(0.0, abs=0.02)
    assert metrics["mean calibration error of left-out groups"] == pytest.approx(0.0, abs=0.02)


def test_a_large_group_does_not_dominate_the_temperature() -> None:
    right, mixed = [output(case("glioma"), [SURE])], [output(case("glioma"), [SURE, UNSURE])]
    once, _ = fit_temperature({"a": right, "b": mixed}, 2, CLASSES)
    often, _ = fit_temperature({"a": right * 50, "b": mixed}, 2, CLASSES)
    assert once == often


def test_a_left_out_group_is_measured_with_the_temperature_of_the_others() -> None:
    sharp = [output(case("glioma"), [SURE])]
    mixed = [output(case("glioma"), [SURE, UNSURE])]
    _, metrics = fit_temperature({"sharp": sharp, "mixed": mixed}, 2, CLASSES)
    assert metrics["without mixed"] == pytest.approx(0.501, abs=0.001)
    # softmax(4 / 0.501) is 1.00, but half of the images are right.
    assert metrics["calibration error mixed"] == pytest.approx(0.5, abs=0.01)


def test_a_tumor_of_another_kind_is_right_with_any_tumor() -> None:
    other = [output(case("tumor"), [[3.0, 3.0, -6.0]])]
    temperature, _ = fit_temperature({"a": other, "b": other}, 2, CLASSES)
    assert temperature == pytest.approx(0.501, abs=0.001)  # the sharper, the better


def test_volumes_with_a_tumor_do_not_fit_the_temperature() -> None:
    outputs = [
        output(case("glioma", "lgg", source="lgg CS"), [SURE]),
        output(case("glioma", "atlas44", contrast=False), [SURE]),
        output(case("pituitary", "pituitary volumes", 2), [SURE, SURE]),
        output(case("notumor", "native slices", 2), [SURE, SURE]),
    ]
    assert set(temperature_groups(outputs)) == {"lgg CS", "native slices"}


def heads(*values: float, source: str = "a") -> list[CaseVerdict]:
    return [
        found("notumor", value, source=source, contrast=False, person=f"{source} {place} {value}")
        for place, value in enumerate(values)
    ]


def tumors(*values: float, source: str = "b", contrast: bool = True) -> list[CaseVerdict]:
    return [
        found("glioma", value, source=source, contrast=contrast, person=f"{place} {value}")
        for place, value in enumerate(values)
    ]


def test_thresholds_are_between_heads_and_tumors() -> None:
    """Of normal distributions at ±m with variance h², one of which costs c times as much as the
    other, the cost is lowest at h² ln(c) / 2m: at 0 for a tumor, at −0.0683 for no tumor."""
    fitted = fit_thresholds([*heads(*[0.05] * 20), *tumors(*[0.95] * 20)])
    assert fitted.tumor_above == pytest.approx(0.5, abs=0.001)
    assert fitted.notumor_below == pytest.approx(0.483, abs=0.001)
    # 95% of a normal distribution of 0.5 logits around 0.05
    assert fitted.notumor_below_without_contrast == pytest.approx(0.107, abs=0.002)


def test_a_tumor_needs_at_least_one_half() -> None:
    fitted = fit_thresholds([*heads(*[0.01] * 20), *tumors(*[0.6] * 20)])
    assert fitted.tumor_above == 0.5


def test_one_suspicious_head_does_not_decide() -> None:
    without = fit_thresholds([*heads(*[0.05] * 60), *tumors(*[0.95] * 60)])
    outlier = fit_thresholds([*heads(*[0.05] * 60, 0.99), *tumors(*[0.95] * 60)])
    assert outlier.tumor_above == pytest.approx(without.tumor_above, abs=0.02)


def test_suspicious_heads_raise_the_threshold() -> None:
    free = [*heads(*[0.05] * 10), *heads(*[0.7] * 5)]
    assert fit_thresholds([*free, *tumors(*[0.95] * 15)]).tumor_above > 0.8


def test_a_missed_tumor_costs_more_than_an_indeterminate_head() -> None:
    """A fifth of the tumors at 0.3 costs as much as all heads at 0.2: the middle of the logits."""
    series = [*heads(*[0.2] * 20), *tumors(*[0.3] * 4, *[0.999] * 16)]
    assert fit_thresholds(series).notumor_below == pytest.approx(0.247, abs=0.001)


def test_a_person_counts_once() -> None:
    once = [found("notumor", 0.8, person="p", source="a"), *heads(*[0.05] * 9)]
    often = [*(found("notumor", 0.8, person="p", source="a") for _ in range(30)),
             *heads(*[0.05] * 9)]  # fmt: skip
    positive = tumors(*[0.9] * 20)
    assert fit_thresholds([*once, *positive]) == fit_thresholds([*often, *positive])


def test_a_source_counts_as_the_root_of_its_persons() -> None:
    series = [*heads(*[0.1] * 16, source="large"), *heads(*[0.1] * 4, source="small")]
    assert source_weights(series).tolist() == [0.25] * 16 + [0.5] * 4


def test_thresholds_of_the_other_sources_apply_to_a_left_out_source() -> None:
    easy = [
        *heads(*[0.02] * 9, source="a"),
        *tumors(*[0.98] * 9, source="b"),
        *tumors(0.98, source="d"),
    ]
    hard = heads(0.9, 0.9, source="c")
    metrics = left_out_metrics([*easy, *hard], reapply)
    assert metrics["left-out source: tumor-free heads called a tumor"] == "18% (2 of 11; 2-52)"
    assert metrics["left-out source: tumors after contrast called a tumor"].startswith("100%")
    low, high = str(metrics["tumor_above without one source"]).split("-")
    assert float(low) < float(high)


def reapply(series: list[CaseVerdict], thresholds: Thresholds) -> list[CaseVerdict]:
    rules = Rules(CARD, verdict=applied(thresholds, VerdictSettings()))
    return verdicts_of([one.output for one in series], rules)


def classed(label: str, share: float, n: int = 1, source: str = "a") -> list[CaseVerdict]:
    """Images called a tumor, of which this share is glioma; each of another person."""
    return [found(label, 0.9, share, source=source, person=f"{label} {p}") for p in range(n)]


def test_the_margin_of_a_class_leaves_few_wrong_claims() -> None:
    right, wrong = classed("glioma", 0.95, 20), classed("meningioma", 0.8, 5)
    margins = fit_margins([*right, *wrong])  # 5 of 25 are wrong at a margin of 0.8
    assert margins["glioma"] == pytest.approx(0.801)
    assert margins["meningioma"] == NO_CLASS  # nobody is called meningioma
    metrics = margin_metrics([*right, *wrong], margins)
    assert str(metrics["given a class"]).startswith("80% (20 of 25")
    assert str(metrics["right or kind open"]).startswith("100%")


def test_a_tumor_of_another_kind_has_no_right_class() -> None:
    known, few, many = (
        classed("glioma", 0.95, 28), classed("tumor", 0.905, 3), classed("tumor", 0.905, 4),
    )  # fmt: skip
    assert fit_margins(known)["glioma"] == 0.5
    assert fit_margins([*known, *few])["glioma"] == 0.5  # 3 of 31 are below a tenth
    assert fit_margins([*known, *many])["glioma"] == pytest.approx(0.906)  # 4 of 32 are not


def test_other_kinds_count_among_the_tumors_of_their_own_source() -> None:
    """Many gliomas of another source do not dilute the wrong classes."""
    mixed = [*classed("glioma", 0.95, 12), *classed("tumor", 0.905, 4)]
    elsewhere = classed("glioma", 0.95, 300, "b")
    assert fit_margins([*mixed, *elsewhere])["glioma"] == pytest.approx(0.906)


def test_without_evidence_no_class_is_claimed() -> None:
    assert fit_margins(classed("glioma", 0.99, 9))["glioma"] == NO_CLASS
    assert fit_margins(classed("meningioma", 0.99, 30))["glioma"] == NO_CLASS  # all are wrong
    assert fit_margins([]) == {}


def test_the_margins_of_left_out_persons_come_from_the_others() -> None:
    metrics = left_out_margins([*classed("glioma", 0.95, 20), *classed("meningioma", 0.8, 5)])
    low, high = str(metrics["glioma without a tenth"]).split("-")
    assert (float(low), float(high)) == (0.801, 0.801)
    assert str(metrics["left-out tenth: right or kind open"]).startswith("100% (25 of 25")
    one_wrong = [*classed("glioma", 0.95, 40), *classed("meningioma", 0.99)]
    assert str(left_out_margins(one_wrong)["left-out tenth: right or kind open"]).startswith("98%")


def test_the_limit_admits_a_share_of_the_weighted_series() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 9.0])
    assert weighted_quantile(values, ["a"] * 5, 0.8) == 4.0
    # Source a weighs 2 in all, b weighs 1: 9.0 alone is a third.
    assert weighted_quantile(values, ["a"] * 4 + ["b"], 0.67) == 9.0


def test_a_left_out_source_is_measured_by_the_limit_of_the_others() -> None:
    near = [output(case("notumor", "near", 2), [SURE] * 2, texture=2.0) for _ in range(3)]
    far = [output(case("notumor", "far", 2), [SURE] * 2, texture=5.0)]
    limit, metrics = fit_limit([*near, *far], domain())
    assert limit == pytest.approx(4.0)  # distance from the mean of 1
    assert metrics["without one source"] == "1.000-4.000"
    assert metrics["left-out source: admitted"] == "75% (3 of 4; 19-99)"
    assert str(metrics["admitted far"]).startswith("100%")


def test_the_limit_is_never_below_that_of_the_training() -> None:
    limit, metrics = fit_limit([output(case("notumor", n=2), [SURE] * 2)] * 3, domain())
    assert (limit, metrics["limit relative to that of the training"]) == (1.0, 1.0)


def test_training_cases_are_not_fitted_and_patients_are_series() -> None:
    logits = [[0.0, 0.0, 1.0]] * 4
    kept = output(case("glioma", "pituitary volumes", 4), logits)
    trained = output(case("glioma", "gbm", 4, trained=True), logits)
    image = output(case("glioma", "atlas44"), logits[:1])
    own = output(case("glioma", "val"), logits[:1])
    patient = [output(case("glioma", "lgg", name="TCGA_CS_1"), logits[:1]) for _ in range(3)]
    series = series_of([kept, trained, image, own, *patient])
    assert [len(one.logits) for one in series] == [4, 1, 3]


def test_the_card_contains_what_was_fitted() -> None:
    sure, quiet = [6.0, 0.0, 0.0], [0.0, 0.0, 6.0]
    outputs = [
        *(output(case("glioma", "lgg", name=f"TCGA_{site}_{n}", source=f"lgg {site}"), [sure])
          for site in ("CS", "FG") for n in range(12)),
        *(output(case("notumor", "heads", 4, name=str(n), contrast=False), [quiet] * 4)
          for n in range(3)),
    ]  # fmt: skip
    card, fitted = calibrate(outputs, replace_metrics(), domain())
    assert card.temperature == pytest.approx(0.501, abs=0.001)
    assert set(card.verdict) == {
        "tumor_above", "notumor_below", "notumor_below_without_contrast", "min_class_share",
        "min_class_shares", "min_class_share_without_contrast",
    }  # fmt: skip
    assert card.verdict["min_class_shares"] == {"glioma": 0.5, "meningioma": NO_CLASS}
    assert card.verdict["min_class_share"] == NO_CLASS  # of a class without a margin
    assert card.verdict["min_class_share_without_contrast"] == NO_CLASS
    assert card.metrics["verdict"]["tumor_free_series"] == 3
    assert "false_alarms_stated" not in card.metrics["verdict"]  # of the training
    assert fitted.limit == 1.0


def replace_metrics() -> Card:
    return CARD.model_copy(update={"metrics": {"verdict": {"false_alarms_stated": 0.05}}})


@pytest.mark.parametrize(
    ("hits", "n", "expected"),
    [(0, 10, (0.0, 0.3085)), (2, 100, (0.0024, 0.0704)), (10, 10, (0.6915, 1.0))],
)
def test_intervals_are_exact(hits: int, n: int, expected: tuple[float, float]) -> None:
    """Values of Clopper & Pearson."""
    assert exact_interval(hits, n) == pytest.approx(expected, abs=1e-4)


def test_a_rate_shows_counts_and_interval() -> None:
    assert rate([True, False]) == "50% (1 of 2; 1-99)"
    assert rate([]) == "-"
