"""Verdicts of cases, and the table that compares models."""

import numpy as np

from batchmri.records import TUMOR
from batchmri.settings.verdict import VerdictSettings
from experiments.b1.judge import compare
from experiments.b1.judge_rows import (
    called_free,
    called_tumor,
    class_error,
    free_slices,
    mean_class_error,
    outside,
    right_class,
    right_of_given,
    right_or_open,
    sure_and_right,
    tumor_slices,
)
from experiments.b1.verdicts import Rules, verdicts_of
from tests.experiments.made_up import CARD, case, domain, found, output

OPEN = VerdictSettings(
    tumor_above=0.6, notumor_below=0.3, notumor_below_without_contrast=0.1, min_class_share=0.8,
    min_class_share_without_contrast=1.0,
)  # fmt: skip


def one(label: str, p_tumor: float, share: float = 1.0, **more: object):  # type: ignore[no-untyped-def]
    return found(label, p_tumor, share, rules=OPEN, **more)


def test_the_verdict_is_that_of_a_scan() -> None:
    assert one("glioma", 0.9).verdict.name == "glioma"
    assert one("glioma", 0.9, 0.7).verdict.name == TUMOR  # 0.7 of p_tumor is below 0.8
    assert one("glioma", 0.9, contrast=False).verdict.name == TUMOR
    assert one("notumor", 0.2).verdict.name == "notumor"
    assert one("notumor", 0.2, contrast=False).verdict.name == "indeterminate"
    assert one("notumor", 0.5).verdict.name == "indeterminate"


def test_a_series_gets_the_verdict_of_its_most_suspicious_run_of_large_slices() -> None:
    quiet, loud = [0.0, 0.0, 5.0], [5.0, 0.0, 0.0]
    logits = [quiet, loud, loud, loud, quiet, quiet, quiet, loud]
    series = output(case("glioma", n=8), logits, [100] * 7 + [10])
    found = verdicts_of([series], Rules(CARD, domain(), verdict=OPEN))[0]
    assert found.called_tumor and found.tumor_class == "glioma"
    assert found.verdict.deciding == (1, 2, 3)
    assert abs(found.p_tumor - (1 - found.slices[1, 2])) < 1e-9


def test_out_of_distribution_has_no_verdict_unless_the_check_is_off() -> None:
    far = output(case("glioma", n=3), [[5.0, 0.0, 0.0]] * 3, texture=3.0)
    rules = Rules(CARD, domain(), verdict=OPEN)
    checked, unchecked = verdicts_of([far], rules)[0], verdicts_of([far], rules.everywhere())[0]
    assert not checked.called_tumor and outside([checked]).startswith("100%")
    assert unchecked.called_tumor


def test_without_headers_contrast_is_unstated() -> None:
    quiet = output(case("notumor", n=3), [[0.0, 0.0, 2.0]] * 3)  # p_tumor 0.21
    stated = Rules(CARD, domain(), verdict=OPEN)
    unstated = Rules(CARD, domain(), verdict=OPEN, header=False)
    assert verdicts_of([quiet], stated)[0].called_free
    assert "contrast_unstated" in verdicts_of([quiet], unstated)[0].verdict.flags


def test_values_count_verdicts() -> None:
    cases = [
        one("glioma", 0.9), one("glioma", 0.9, 0.1), one("glioma", 0.9, 0.5), one("glioma", 0.1),
    ]  # fmt: skip
    assert called_tumor(cases).startswith("75% (3 of 4")
    assert called_free(cases).startswith("25% (1 of 4")
    assert right_class(cases).startswith("25% (1 of 4")
    assert right_of_given(cases).startswith("50% (1 of 2")
    assert right_or_open(cases).startswith("67% (2 of 3")
    assert sure_and_right([one("glioma", 0.97), one("tumor", 0.97)]).startswith("100% (1 of 1")


def test_slices_of_a_volume_with_a_mask_count_by_what_they_show() -> None:
    loud, quiet = [5.0, 0.0, 0.0], [0.0, 0.0, 5.0]
    volume = case("glioma", "gbm", 4, slice_labels=(True, True, False, None))
    cases = verdicts_of([output(volume, [loud, quiet, loud, loud])], Rules(CARD))
    assert tumor_slices(cases).startswith("50% (1 of 2")
    assert free_slices(cases).startswith("100% (1 of 1")


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    p = np.log([0.8, 0.1, 0.1]).tolist()
    sure = verdicts_of([output(case("glioma", "a"), [p]) for _ in range(5)], Rules(CARD))
    wrong = verdicts_of([output(case("meningioma", "b"), [p]) for _ in range(5)], Rules(CARD))
    assert class_error(sure) == "0.200"
    assert class_error(wrong) == "0.800"
    assert class_error([*sure, *wrong]) == "0.300"
    assert mean_class_error([*sure, *wrong]) == "0.500"


def test_every_row_has_a_value_per_model() -> None:
    cases = [one("glioma", 0.7, group="atlas44", infratentorial=True)]
    table = {row[0]: row[1:] for row in compare({"old": [], "new": cases}, final=True)}
    what = "44-class set, contrast, posterior fossa: a tumor"
    assert table[what] == ["-", "100% (1 of 1; 2-100)"]
    assert table["validation: accuracy"] == ["-", "-"]
