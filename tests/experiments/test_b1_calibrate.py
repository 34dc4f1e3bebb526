"""Temperature, thresholds and domain limit, on made-up outputs of a network."""

from pathlib import Path

import numpy as np
import pytest

from batchmri.model.card import Card
from batchmri.model.ood import POOLED, DomainModel
from batchmri.settings.sections import VerdictSettings
from batchmri.training.table import Row
from experiments.b1.calibrate import (
    calibrate,
    fit_limit,
    fit_temperature,
    fit_thresholds,
    rank,
    series_of,
)
from experiments.b1.cases import Case
from experiments.b1.judge import CaseVerdict, Rules, Seen, binned_error, judged

CLASSES = ("glioma", "meningioma", "notumor")
CARD = Card(classes=CLASSES, no_tumor_class="notumor", preparation={"size": 32})
ROW = Row(Path("any"), "glioma", "dev")


def case(label: str, group: str = "heads", n: int = 1, name: str = "p", **more: bool) -> Case:
    return Case(group, label, label, name, (ROW,) * n, **more)


def seen(one: Case, logits: list[list[float]], areas: list[int] | None = None) -> Seen:
    n = len(logits)
    features = np.zeros((n, POOLED + 1), np.float32)
    return Seen(one, np.array(logits, float), features, np.array(areas or [100] * n))


def found(label: str, suspicion: float, distance: float = 0.5, group: str = "a") -> CaseVerdict:
    probabilities = np.array([suspicion, 0.0, 1 - suspicion])
    return CaseVerdict(
        case(label, group), CLASSES, 2, probabilities[None], probabilities, distance,
        VerdictSettings(),
    )  # fmt: skip


def test_the_temperature_makes_sure_of_as_much_as_is_right() -> None:
    """Logits of 4 claim 97%, but 3 of 4 are right: softmax(4 / T) has to be about 0.75."""
    right, wrong = [4.0, 0.0, 0.0], [0.0, 4.0, 0.0]
    group = [seen(case("glioma"), [one]) for one in (right, right, right, wrong)]
    temperature, figures = fit_temperature({"a": group, "b": group}, 2, CLASSES)
    p = np.exp(4 / temperature) / (np.exp(4 / temperature) + 2)
    assert p == pytest.approx(0.75, abs=0.02)
    assert figures["calibration_error_a"] == pytest.approx(0.0, abs=0.02)


def test_a_tumor_of_no_class_is_right_with_any_tumor() -> None:
    unsure_which = [seen(case("tumor"), [[3.0, 3.0, -6.0]])]
    temperature, _ = fit_temperature({"a": unsure_which, "b": unsure_which}, 2, CLASSES)
    assert temperature == pytest.approx(0.501, abs=0.001)  # the sharper, the better


def test_thresholds_leave_the_stated_share_on_the_wrong_side() -> None:
    free = [found("notumor", value / 100) for value in range(100)]
    tumor = [found("glioma", 1 - value / 100) for value in range(40)]
    fitted, figures = fit_thresholds([*free, *tumor])
    assert fitted == {"tumor_above": 0.98, "notumor_below": 0.64}  # 2nd of 100, 4th of 40
    assert str(figures["tumor_free_called_tumor"]).startswith("2 of 100 (0.002-0.070)")
    assert str(figures["tumor_called_notumor"]).startswith("4 of 40")


@pytest.mark.parametrize(("share", "n", "expected"), [(0.02, 49, 1), (0.02, 48, 0), (0.1, 39, 4)])
def test_a_share_of_few_series_rounds_down(share: float, n: int, expected: int) -> None:
    assert rank(share, n) == expected


def test_every_source_counts_the_same_for_the_domain() -> None:
    many = [found("notumor", 0.1, value / 100, "many") for value in range(100)]
    few = [found("notumor", 0.1, 0.5, "few")]
    limit, figures = fit_limit([*many, *few])
    assert limit == pytest.approx(0.93)  # 6% of many are 3% of both
    assert figures["admitted_few"] == "1 of 1"


def test_a_series_is_judged_by_its_most_suspicious_run_of_large_slices() -> None:
    quiet, loud = [0.0, 0.0, 5.0], [5.0, 0.0, 0.0]
    one = seen(case("glioma", n=8), [quiet, loud, loud, loud, quiet, quiet, quiet, loud],
               [100] * 7 + [10])  # fmt: skip
    field = DomainModel(*(np.ones(s, np.float32) for s in ((1,), (1,), (1, 1), (1,), (1,), (1,))),
                  np.zeros((2, 2), np.float32))  # fmt: skip
    result = judged(one, Rules(CARD, field, 1.0, VerdictSettings()))
    assert result.called_tumor and result.tumor_class == "glioma"
    assert result.suspicion == pytest.approx(1 - result.slices[1, 2])
    assert result.distance == pytest.approx(1.0)  # one below the mean, all of it along the axis


def test_what_trained_and_what_lacks_contrast_fits_no_threshold() -> None:
    logits = [[0.0, 0.0, 1.0]] * 4
    kept = seen(case("glioma", "pituitary volumes", 4), logits)
    trained = seen(case("glioma", "gbm", 4, trained=True), logits)
    picture = seen(case("glioma", "atlas44"), logits[:1])
    dull = seen(case("glioma", "atlas44", contrast=False), logits[:1])
    patient = [seen(case("glioma", "lgg", name="TCGA_CS_1"), logits[:1]) for _ in range(3)]
    found = series_of([kept, trained, picture, dull, *patient])
    assert [len(one.logits) for one in found] == [4, 1, 3]


def test_a_calibrated_model_carries_what_was_fitted() -> None:
    sure, unsure = [6.0, 0.0, 0.0], [0.0, 0.0, 6.0]
    outputs = [
        *(seen(case("glioma", "lgg", name=f"TCGA_{site}_{n}"), [sure, sure, sure])
          for n, site in enumerate(("CS", "FG"))),
        *(seen(case("notumor", "heads", 4, name=str(n)), [unsure] * 4) for n in range(3)),
    ]  # fmt: skip
    field = DomainModel(*(np.ones(s, np.float32) for s in ((1,), (1,), (1, 1), (1,), (1,), (1,))),
                  np.zeros((2, 2), np.float32))  # fmt: skip
    card, widened = calibrate(outputs, CARD, field)
    assert card.temperature == pytest.approx(0.501, abs=0.001)
    assert card.verdict["tumor_above"] == 0.5
    assert card.figures["verdict"]["tumor_free_series"] == 3
    assert widened.limit == pytest.approx(1.0)


def test_the_calibration_error_is_the_mean_gap() -> None:
    confidence = np.array([0.9, 0.9, 0.6, 0.6])
    right = np.array([True, False, True, True])
    assert binned_error(confidence, right) == pytest.approx((0.8 + 0.8) / 4)
