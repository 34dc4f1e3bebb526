"""The explanation of a verdict states the rule that led to it, with the compared numbers."""

from dataclasses import replace

import pytest

from batchmri.header import Header
from batchmri.records import (
    Classes,
    CropBox,
    DomainScores,
    Scores,
    Series,
    SeriesKey,
    SliceRef,
    Verdict,
)
from batchmri.settings.verdict import VerdictSettings
from batchmri.verdict.explanation import explain_series, explain_study, rounded
from batchmri.verdict.series import series_verdict
from tests.outputs.records import series

CLASSES = Classes(("glioma", "meningioma", "notumor"), "notumor")
RULES = VerdictSettings(
    top_slices=2, run_fraction=0, tumor_above=0.643, notumor_below=0.261, min_confidence=0.5
)
T1 = series(sequence="t1_contrast")


def slices(*rows: tuple[float, float], ood: float = 0.3, t1: float = 0.9) -> list[Scores]:
    return [
        Scores(
            SliceRef("a", "a", "1", 1, index, float(index)),
            (glioma, meningioma, 1 - glioma - meningioma),
            CropBox(0, 0, 60, 60),
            (),
            DomainScores(ood, t1, 0.9),
        )
        for index, (glioma, meningioma) in enumerate(rows)
    ]


def explained(scores: list[Scores], of: Series = T1, rules: VerdictSettings = RULES) -> list[str]:
    verdict = series_verdict(of, scores, CLASSES, rules)
    return list(explain_series(of, scores, verdict, CLASSES, rules))


def test_a_tumor_names_the_deciding_slices_the_threshold_and_the_class() -> None:
    run, tumor, kind = explained(slices((0.0, 0.0), (0.5, 0.0), (0.9, 0.08), (0.9, 0.08)))
    assert run == (
        "Slices 3 to 4 decide: the 2 adjacent slices with the highest mean p_tumor, "
        "of 4 eligible and 4 classified slices."
    )
    assert tumor == "p_tumor 0.98 ≥ 0.643 (tumor_above): a tumor."
    assert kind == (
        "glioma leads the tumor classes with 0.92 of p_tumor; "
        "its probability 0.90 ≥ 0.5 (min_confidence)."
    )


@pytest.mark.parametrize(
    ("row", "changes", "rule"),
    [
        ((0.1, 0.02), {}, "p_tumor 0.12 ≤ 0.261 (notumor_below): no tumor."),
        (
            (0.3, 0.15),
            {},
            "p_tumor 0.45 is above 0.261 (notumor_below) and below 0.643 (tumor_above): "
            "neither a tumor nor no tumor.",
        ),
        ((0.4968, 0.45), {}, "glioma 0.497 < 0.5 (min_confidence): the class is uncertain."),
        (
            (0.1, 0.05),
            {"sequence": "t1"},
            "p_tumor 0.15 ≤ 0.261 (notumor_below), but contrast is not stated or was not given, "
            "and p_tumor is above 0.1 (notumor_below_without_contrast): not low enough for no "
            "tumor.",
        ),
        (
            (0.6, 0.3),
            {"sequence": "t1", "header": Header(contrast_agent=False)},
            "glioma leads the tumor classes with only 0.67 of p_tumor < 0.7 "
            "(min_class_share_without_contrast): the kind is open.",
        ),
        (
            (0.49, 0.41),
            {},
            "glioma leads the tumor classes with only 0.54 of p_tumor < 0.6 (min_class_share): "
            "the kind is open.",
        ),
        ((0.48, 0.19), {}, "glioma 0.48 < 0.5 (min_confidence): the kind is open."),
        ((0.9, 0.0), {"sequence": "t2"}, "The header indicates the sequence t2: no verdict."),
    ],
)
def test_the_last_rule_of_other_verdicts(
    row: tuple[float, float], changes: dict[str, object], rule: str
) -> None:
    of = replace(T1, **changes)  # type: ignore[arg-type]
    open_kind = {"min_class_share": 0.6, "min_class_share_without_contrast": 0.7}
    rules = RULES.model_copy(update=open_kind if rule.endswith("open.") else {})
    assert explained(slices(row, row), of, rules)[-1] == rule


def test_series_without_a_verdict_state_only_why() -> None:
    assert explained(slices((0.9, 0), (0.9, 0), ood=1.432)) == [
        "ood_score 1.43 > 1 (max_distance): the slices differ too much from the training images, "
        "no verdict."
    ]
    assert explained(slices((0.9, 0), (0.9, 0), t1=0.2)) == [
        "The median probability of T1 weighting is 0.20 < 0.5 (min_t1): the slices do not look "
        "T1-weighted, no verdict."
    ]


def test_numbers_are_rounded_without_contradicting_the_rule() -> None:
    assert rounded(0.98, 0.643) == "0.98"
    assert rounded(0.6428, 0.643) == "0.64"
    assert rounded(0.6432, 0.643) == "0.6432"
    assert rounded(0.5, 0.5) == "0.50"


def test_why_a_series_decides() -> None:
    keys = [SeriesKey("1", str(number)) for number in range(3)]
    verdict = series_verdict(T1, slices((0.9, 0)), CLASSES, RULES)
    outside = replace(verdict, flags=("out_of_distribution",))

    def why(*found: tuple[str, Verdict]) -> str:
        named = dict(zip(keys, found, strict=False))
        return explain_study(
            keys[0], {k: s for k, (s, _) in named.items()}, {k: v for k, (_, v) in named.items()}
        )

    assert why(("t1", verdict)) == "It is the only classified series of the study."
    assert why(("t1", verdict), ("t1", outside)).endswith("because the model can evaluate it.")
    assert why(("t1_contrast", verdict), ("t1", verdict)).endswith(
        "because its header states T1 after contrast."
    )
    assert why(("t1", verdict), ("t1", verdict), ("t1", outside)) == (
        "Of 3 classified series it decides because it has the highest p_tumor of those with equal "
        "rank."
    )
