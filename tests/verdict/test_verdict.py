import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

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
from batchmri.verdict.series import (
    class_shares,
    eligible_slices,
    most_suspicious_run,
    series_verdict,
)
from batchmri.verdict.study import study_verdict

CLASSES = Classes(("glioma", "meningioma", "notumor", "pituitary"), "notumor")
HEAD = CropBox(0, 0, 100, 100)
HEALTHY = (0.02, 0.02, 0.95, 0.01)
GLIOMA = (0.9, 0.05, 0.04, 0.01)


def scores(*rows: tuple[float, ...], boxes: dict[int, CropBox] | None = None) -> list[Scores]:
    return [
        Scores(SliceRef("a", "a", "1", 1, i, float(i)), row, (boxes or {}).get(i, HEAD))
        for i, row in enumerate(rows)
    ]


def series(**changes: Any) -> Series:
    header = Header()
    made = Series(
        SeriesKey("1", "2"), "a", "nifti", 1, header, "t1_contrast", 256, 256, "axial",
        (1.0, 1.0), 5.0, (),
    )  # fmt: skip
    return replace(made, **changes)


def verdict_on(
    found: Sequence[Scores], rules: VerdictSettings | None = None, **changes: Any
) -> Verdict:
    return series_verdict(series(**changes), found, CLASSES, rules or VerdictSettings())


def test_three_tumor_slices_of_24_make_a_tumor_series() -> None:
    rows = [HEALTHY] * 24
    rows[10:13] = [GLIOMA] * 3
    verdict = verdict_on(scores(*rows))
    assert verdict.name == "glioma"
    assert verdict.confidence == pytest.approx(0.9)
    assert verdict.deciding_slice == 10
    assert verdict.n_tumor_slices == 3
    assert verdict.shown[:3] == (10, 11, 12)


def test_one_tumor_slice_alone_does_not_outvote_two_healthy_ones() -> None:
    verdict = verdict_on(scores(GLIOMA, *[HEALTHY] * 20))
    assert verdict.name == "notumor"
    assert verdict.deciding == (0, 1, 2)


def test_no_class_above_the_threshold_is_indeterminate_and_shows_the_likeliest_tumor() -> None:
    verdict = verdict_on(scores((0.1, 0.35, 0.45, 0.1)))
    assert (verdict.name, verdict.reason) == ("indeterminate", "class_unsure")
    assert verdict.confidence == pytest.approx(0.45)
    assert verdict.shown_class == "meningioma"


def test_a_failed_box_does_not_count_as_the_largest() -> None:
    """Two failed slices, whose box is the whole image, do not change the eligible slices."""
    boxes = {i: CropBox(0, 0, 60 + i, 60) for i in range(8)}
    boxes |= {i: CropBox(0, 0, 256, 256, failed=True) for i in (8, 9)}
    found = scores(*[HEALTHY] * 8, GLIOMA, GLIOMA, boxes=boxes)
    assert [s.ref.index for s in eligible_slices(found, VerdictSettings())] == list(range(8))
    verdict = verdict_on(found)
    assert verdict.name == "notumor" and verdict.n_tumor_slices == 2


def test_a_box_of_just_the_smallest_share_of_the_largest_decides() -> None:
    boxes = {0: CropBox(0, 0, 100, 100), 1: CropBox(0, 0, 50, 100), 2: CropBox(0, 0, 49, 100)}
    found = scores(HEALTHY, HEALTHY, GLIOMA, boxes=boxes)
    assert [s.ref.index for s in eligible_slices(found, VerdictSettings())] == [0, 1]


def test_slices_with_a_small_or_failed_box_do_not_decide() -> None:
    boxes = {0: CropBox(0, 0, 20, 20), 1: CropBox(0, 0, 200, 200, failed=True)}
    found = scores(GLIOMA, GLIOMA, HEALTHY, boxes=boxes)
    rules = VerdictSettings(top_slices=1, min_box_fraction=0.01)
    assert verdict_on(found, rules).name == "glioma"
    assert verdict_on(found, VerdictSettings(min_box_fraction=0.2)).name == "notumor"


def test_if_every_box_failed_all_slices_decide() -> None:
    found = scores(GLIOMA, boxes={0: CropBox(0, 0, 9, 9, failed=True)})
    assert verdict_on(found).name == "glioma"


@pytest.mark.parametrize(
    ("suspicion", "rules", "run"),
    [
        ([0, 0, 0, 1, 1, 1], {}, range(3, 6)),  # the last window
        ([1, 1, 1, 0, 0, 0], {}, range(3)),  # the first
        ([1, 1, 1, 0, 1, 1, 1], {}, range(3)),  # a tie: the first
        ([0.5] * 9, {}, range(3)),
        ([0, 1, 0, 0, 1, 1], {"top_slices": 2}, range(4, 6)),
        ([0.2, 0.9], {}, range(2)),  # fewer than a run
        ([0.0] * 24 + [1.0], {"top_slices": 1}, range(23, 25)),  # 1.25 slices are two
        ([0.0] * 61, {}, range(4)),  # 3.05 are four
        ([0.0] * 60, {}, range(3)),
    ],
)
def test_the_most_suspicious_run(suspicion: list[float], rules: dict[str, int], run: range) -> None:
    assert most_suspicious_run(suspicion, VerdictSettings.model_validate(rules)) == run


MENINGIOMA_HERE = (0.10, 0.88, 0.01, 0.01)
GLIOMA_THERE = (0.95, 0.02, 0.02, 0.01)


def test_the_class_is_that_of_all_suspicious_slices_not_of_the_run_alone() -> None:
    """The run slightly prefers meningioma; eight clear slices outside it show glioma."""
    rows = (
        [HEALTHY] * 8 + [MENINGIOMA_HERE] * 2 + [(0.495, 0.495, 0.005, 0.005)] + [GLIOMA_THERE] * 8
    )
    verdict = verdict_on(scores(*rows))
    assert verdict.deciding == (8, 9, 10)
    assert (verdict.name, verdict.reason) == ("glioma", "tumor")
    tumor = CLASSES.tumor_probability(verdict.probabilities)
    assert tumor == pytest.approx((0.99 + 0.99 + 0.995) / 3)  # still that of the run
    assert verdict.confidence == verdict.probabilities[0] > 0.85
    assert sum(verdict.probabilities) == pytest.approx(1)
    assert verdict.deciding_slice == 10  # of the run, the one that shows a glioma best


def test_slices_below_the_threshold_do_not_affect_the_class() -> None:
    doubtful = (0.05, 0.54, 0.40, 0.01)
    rules = VerdictSettings(tumor_above=0.643, notumor_below=0.261)
    verdict = verdict_on(scores(*[doubtful] * 20, *[GLIOMA] * 3), rules)
    assert verdict.name == "glioma"
    assert verdict.probabilities == pytest.approx(GLIOMA)


def test_shares_are_the_suspicion_weighted_mean_of_log_probabilities() -> None:
    rows = [(0.8, 0.1, 0.05, 0.05), (0.2, 0.3, 0.4, 0.1)]
    weights = (0.95, 0.6)
    odds = [
        math.prod(row[c] ** (w / sum(weights)) for row, w in zip(rows, weights, strict=True))
        for c in (0, 1, 3)
    ]
    glioma, meningioma, pituitary = (one / sum(odds) for one in odds)
    assert class_shares(rows, CLASSES) == pytest.approx((glioma, meningioma, 0, pituitary))


def test_no_class_is_ruled_out_by_one_slice_alone() -> None:
    rows = [(1.0, 0.0, 0.0, 0.0)] + [(0.01, 0.97, 0.01, 0.01)] * 9
    assert class_shares(rows, CLASSES)[1] > 0.9


@pytest.mark.parametrize("position", [0, 1, 3])
def test_a_verdict_names_the_class_at_its_place_in_the_card(position: int) -> None:
    row = [0.05, 0.04, 0.02, 0.03]
    row[position] = 1 - (sum(row) - row[position])
    verdict = verdict_on(scores(*[tuple(row)] * 5))
    assert verdict.name == CLASSES.names[position] == verdict.shown_class
    assert verdict.probabilities == pytest.approx(row)
    assert verdict.confidence == pytest.approx(row[position])


@pytest.mark.parametrize(
    ("row", "name", "reason", "confidence"),
    [
        ((0.9, 0.04, 0.04, 0.02), "glioma", "tumor", 0.9),
        ((0.02, 0.01, 0.96, 0.01), "notumor", "no_tumor", 0.96),
        ((0.3, 0.05, 0.6, 0.05), "indeterminate", "between_thresholds", 0.6),
        ((0.45, 0.3, 0.05, 0.2), "indeterminate", "class_unsure", 0.45),
    ],
)
def test_the_reason_of_a_verdict_and_its_confidence(
    row: tuple[float, ...], name: str, reason: str, confidence: float
) -> None:
    verdict = verdict_on(scores(*[row] * 3), VerdictSettings(tumor_above=0.7, notumor_below=0.3))
    assert (verdict.name, verdict.reason) == (name, reason)
    assert verdict.confidence == pytest.approx(confidence)


def test_the_deciding_slices_come_first_among_those_worth_drawing() -> None:
    rows = [HEALTHY] * 5 + [(0.7, 0.1, 0.1, 0.1), (0.9, 0.02, 0.03, 0.05), (0.8, 0.1, 0.05, 0.05)]
    rows += [HEALTHY, (0.92, 0.03, 0.03, 0.02), HEALTHY]
    verdict = verdict_on(scores(*rows))
    assert verdict.deciding == (5, 6, 7)
    assert verdict.shown[:4] == (6, 7, 5, 9)
    assert verdict.deciding_slice == 6
    assert sorted(verdict.shown) == list(range(11))


def verdict_of(row: tuple[float, ...]) -> Verdict:
    return verdict_on(scores(row))


def test_contrast_decides_before_a_more_suspicious_plain_series() -> None:
    plain, contrast = SeriesKey("1", "1"), SeriesKey("1", "2")
    found = study_verdict(
        {plain: ("t1", verdict_of(GLIOMA)), contrast: ("t1_contrast", verdict_of(HEALTHY))}, CLASSES
    )
    assert found is not None and found[0] == contrast and found[1].name == "notumor"


def test_the_most_suspicious_series_decides_among_equals_whatever_their_order() -> None:
    a, b = SeriesKey("1", "1"), SeriesKey("1", "2")
    rows = {a: ("unknown", verdict_of(HEALTHY)), b: ("unknown", verdict_of(GLIOMA))}
    for order in (rows, dict(reversed(rows.items()))):
        found = study_verdict(order, CLASSES)
        assert found is not None and found[0] == b


@pytest.mark.parametrize("order", [1, -1])
def test_what_looks_like_contrast_decides_before_a_more_suspicious_one_without(order: int) -> None:
    """Neither header states contrast, so the slice scores decide."""
    with_contrast, without = (SeriesKey("1", str(n)) for n in (1, 2))
    rows = {
        with_contrast: ("t1", verdict_on(looking(contrast=0.9, row=HEALTHY), sequence="t1")),
        without: ("t1", verdict_on(looking(contrast=0.1, row=GLIOMA), sequence="t1")),
    }
    found = study_verdict(dict(list(rows.items())[::order]), CLASSES)
    assert found is not None and found[0] == with_contrast


def test_a_series_in_the_domain_decides_before_one_outside() -> None:
    inside, outside = SeriesKey("1", "1"), SeriesKey("1", "2")
    strange = verdict_on(looking(distance=3.0, row=GLIOMA))
    found = study_verdict(
        {inside: ("unknown", verdict_of(HEALTHY)), outside: ("t1_contrast", strange)}, CLASSES
    )
    assert found is not None and found[0] == inside


def test_suspicious_slices_decide_only_if_adjacent() -> None:
    rows = [HEALTHY] * 60
    for lonely in (5, 20, 40):
        rows[lonely] = GLIOMA
    assert verdict_on(scores(*rows)).name == "notumor"
    rows[30:33] = [GLIOMA] * 3
    assert verdict_on(scores(*rows)).deciding_slice == 30


def test_a_longer_series_needs_a_longer_suspicious_run() -> None:
    rows = [HEALTHY] * 170
    rows[80:83] = [GLIOMA] * 3
    assert verdict_on(scores(*rows), VerdictSettings(run_fraction=0.05)).name == "notumor"
    assert verdict_on(scores(*rows), VerdictSettings(run_fraction=0)).name == "glioma"


def test_between_the_two_thresholds_the_verdict_is_indeterminate() -> None:
    rules = VerdictSettings(tumor_above=0.8, notumor_below=0.3, min_confidence=0)
    for suspicion, name in ((0.2, "notumor"), (0.5, "indeterminate"), (0.85, "glioma")):
        row = (suspicion, 0.0, 1 - suspicion, 0.0)
        assert verdict_on(scores(row), rules).name == name


def looking(
    distance: float = 0.5,
    t1: float = 0.9,
    contrast: float = 0.9,
    row: tuple[float, ...] = GLIOMA,
) -> list[Scores]:
    domain = DomainScores(distance, t1, contrast)
    return [replace(found, domain=domain) for found in scores(*[row] * 5)]


@pytest.mark.parametrize(
    ("look", "flag", "reason"),
    [
        ({"distance": 1.2}, "out_of_distribution", "out_of_distribution"),
        ({"distance": 1.9}, "looks_not_brain", "out_of_distribution"),
        ({"t1": 0.2}, "looks_other_sequence", "other_sequence"),
        ({"t1": 0.2, "distance": 1.2}, "out_of_distribution", "other_sequence"),
    ],
)
def test_outside_of_the_domain_no_tumor_is_called(
    look: dict[str, float], flag: str, reason: str
) -> None:
    verdict = verdict_on(looking(**look))
    assert verdict.name == "indeterminate" and flag in verdict.flags
    assert verdict.reason == reason and verdict.reason.is_outside
    assert verdict.confidence == pytest.approx(0.9)  # of the leading class
    assert verdict_on(looking()).name == "glioma" and not verdict_on(looking()).flags


SURE, LIKELY = (0.02, 0.02, 0.95, 0.01), (0.1, 0.05, 0.84, 0.01)


@pytest.mark.parametrize(
    ("sequence", "agent", "looks", "flags"),
    [
        ("t1", None, 0.9, ("contrast_unstated",)),
        ("t1", None, 0.1, ("contrast_unstated", "without_contrast")),
        ("unknown", None, 0.9, ("contrast_unstated",)),
        ("t1", False, 0.9, ("without_contrast",)),
        ("unknown", True, 0.1, ()),
        ("t1_contrast", None, 0.1, ()),
    ],
)
def test_without_stated_contrast_no_tumor_is_called_only_where_it_is_clear(
    sequence: str, agent: bool | None, looks: float, flags: tuple[str, ...]
) -> None:
    header = Header(contrast_agent=agent)
    rules = VerdictSettings(notumor_below=0.261, tumor_above=0.643)
    sure, likely, tumor = (
        verdict_on(looking(contrast=looks, row=row), rules, sequence=sequence, header=header)
        for row in (SURE, LIKELY, GLIOMA)
    )
    assert sure.flags == likely.flags == flags
    assert (sure.name, sure.reason) == ("notumor", "no_tumor")
    assert tumor.name == "glioma"
    expected = ("indeterminate", "without_contrast") if flags else ("notumor", "no_tumor")
    assert (likely.name, likely.reason) == expected
    # Probabilities are never modified.
    assert sure.confidence == pytest.approx(0.95) and likely.confidence == pytest.approx(0.84)
    assert sure.probabilities == pytest.approx(SURE)


def test_contrast_is_unstated_too_where_the_model_has_no_probe_for_it() -> None:
    assert verdict_on(scores(SURE), sequence="t1").flags == ("contrast_unstated",)


def test_contrast_of_another_sequence_is_not_flagged() -> None:
    assert "contrast_unstated" not in verdict_on(looking(), sequence="t2").flags


def test_a_removed_setting_is_ignored_with_a_line_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = VerdictSettings.model_validate({"without_contrast_confidence": 0.6, "top_slices": 4})
    assert rules == VerdictSettings(top_slices=4)
    (line,) = capsys.readouterr().err.splitlines()
    assert "verdict.without_contrast_confidence was removed" in line


def test_the_ends_of_a_head_do_not_decide_about_the_domain() -> None:
    found = looking()
    found[0] = replace(found[0], domain=DomainScores(5.0, 0.0, 0.0))
    verdict = verdict_on(found)
    assert verdict.flags == () and verdict.ood_score == 0.5


def test_another_sequence_by_its_header_is_flagged_whatever_it_looks_like() -> None:
    assert verdict_on(looking(), sequence="flair").flags == ("looks_other_sequence",)


def test_coarse_images_are_flagged() -> None:
    assert verdict_on(scores(HEALTHY), pixel_spacing=(4.0, 4.0)).flags == ("low_quality",)
    assert verdict_on(scores(HEALTHY), pixel_spacing=(1.0, 3.5)).flags == ("low_quality",)
    assert verdict_on(scores(HEALTHY), pixel_spacing=(3.0, 3.0)).flags == ()
    assert verdict_on(scores(HEALTHY), rows=40).flags == ("low_quality",)


def test_a_study_without_a_classified_series_has_no_verdict() -> None:
    assert study_verdict({}, CLASSES) is None


OPEN = VerdictSettings(tumor_above=0.6, notumor_below=0.3, min_class_share=0.75)
TWO_KINDS = (0.6, 0.3, 0.06, 0.04)  # glioma has 0.638 of p_tumor
GLIOMA_TWO_TO_ONE = (0.5, 0.125, 0.35, 0.025)  # 0.769 of p_tumor


@pytest.mark.parametrize(
    ("row", "changes", "name", "reason", "confidence"),
    [
        (TWO_KINDS, {}, "tumor", "kind_open", 0.94),
        (TWO_KINDS, {"min_class_share": 0.63}, "glioma", "tumor", 0.6),
        (TWO_KINDS, {"min_class_share": 0}, "glioma", "tumor", 0.6),
        (TWO_KINDS, {"min_class_share": 0, "min_confidence": 0.7}, None, "class_unsure", 0.6),
        (GLIOMA, {}, "glioma", "tumor", 0.9),
        (GLIOMA, {"min_class_share": 1}, "tumor", "kind_open", 0.96),
        (GLIOMA_TWO_TO_ONE, {}, "glioma", "tumor", 0.5),
        # The share is sufficient, but the class alone is not: still a tumor.
        (GLIOMA_TWO_TO_ONE, {"min_confidence": 0.55}, "tumor", "kind_open", 0.65),
        (GLIOMA_TWO_TO_ONE, {"min_confidence": 0.7}, None, "class_unsure", 0.5),
        ((0.35, 0.1, 0.5, 0.05), {}, None, "between_thresholds", 0.5),
        (HEALTHY, {"min_class_share": 1}, "notumor", "no_tumor", 0.95),
    ],
)
def test_a_tumor_of_which_no_class_stands_out_has_an_open_kind(
    row: tuple[float, ...], changes: dict[str, float], name: str, reason: str, confidence: float
) -> None:
    verdict = verdict_on(scores(*[row] * 3), OPEN.model_copy(update=changes))
    assert (verdict.name, verdict.reason) == (name or "indeterminate", reason)
    assert verdict.confidence == pytest.approx(confidence)
    assert verdict.probabilities == pytest.approx(row)  # the classes keep their probabilities


@pytest.mark.parametrize(
    ("sequence", "agent", "name"),
    [
        ("t1_contrast", None, "glioma"),
        ("unknown", True, "glioma"),
        ("t1", False, "tumor"),
        ("t1", None, "glioma"),  # the images decide, here without a probe for contrast
        ("unknown", None, "glioma"),
    ],
)
def test_without_contrast_another_minimum_share_applies(
    sequence: str, agent: bool | None, name: str
) -> None:
    rules = OPEN.model_copy(update={"min_class_share_without_contrast": 0.95})
    header = Header(contrast_agent=agent)
    assert verdict_on(scores(GLIOMA), rules, sequence=sequence, header=header).name == name
    always = OPEN.model_copy(update={"min_class_share": 1})
    if name == "tumor":
        assert verdict_on(scores(GLIOMA), always, sequence=sequence, header=header).name == "glioma"


@pytest.mark.parametrize(("contrast", "name"), [(0.9, "glioma"), (0.1, "tumor")])
def test_if_contrast_is_unstated_the_images_decide_which_share_is_needed(
    contrast: float, name: str
) -> None:
    rules = OPEN.model_copy(update={"min_class_share_without_contrast": 0.95})
    found = looking(contrast=contrast)
    assert verdict_on(found, rules, sequence="unknown").name == name


def test_a_class_can_have_a_separate_minimum_share() -> None:
    rules = OPEN.model_copy(update={"min_class_shares": {"glioma": 0.95}})
    assert verdict_on(scores(GLIOMA), OPEN).name == "glioma"
    assert verdict_on(scores(GLIOMA), rules).name == "tumor"
    other = OPEN.model_copy(update={"min_class_share": 0.95, "min_class_shares": {"glioma": 0.5}})
    assert verdict_on(scores(GLIOMA), other).name == "glioma"


def test_the_deciding_slice_of_an_open_kind_has_the_highest_p_tumor() -> None:
    rows = [(0.8, 0.05, 0.1, 0.05), (0.3, 0.62, 0.04, 0.04), (0.6, 0.3, 0.06, 0.04)]
    verdict = verdict_on(scores(*rows), OPEN.model_copy(update={"min_class_share": 0.9}))
    assert (verdict.name, verdict.shown_class) == ("tumor", "tumor")
    assert verdict.deciding_slice == 1 and verdict.shown == (1, 2, 0)


def test_out_of_the_domain_not_even_a_tumor_is_reported() -> None:
    found = looking(distance=3.0, row=TWO_KINDS)
    assert verdict_on(found, OPEN).name == "indeterminate"


def test_an_open_kind_ranks_by_p_tumor_like_a_class() -> None:
    a, b = SeriesKey("1", "1"), SeriesKey("1", "2")
    sure = verdict_on(scores((0.9, 0.02, 0.07, 0.01)), OPEN)
    rows = {a: ("t1_contrast", verdict_on(scores(TWO_KINDS), OPEN)), b: ("t1_contrast", sure)}
    found = study_verdict(rows, CLASSES)
    assert found is not None and found[0] == a and found[1].name == "tumor"


@pytest.mark.parametrize("names", [("notumor", "tumor"), ("tumor", "notumor")])
def test_a_single_tumor_class_is_never_open(names: tuple[str, ...]) -> None:
    classes = Classes(names, "notumor")
    row = (0.2, 0.8) if names[1] == "tumor" else (0.8, 0.2)
    rules = VerdictSettings(min_class_share=1, min_class_share_without_contrast=1)
    verdict = series_verdict(series(), scores(row), classes, rules)
    assert (verdict.name, verdict.reason) == ("tumor", "tumor")
    assert verdict.confidence == pytest.approx(0.8)


def test_a_class_named_tumor_beside_others_means_any_tumor_too() -> None:
    classes = Classes(("glioma", "tumor", "notumor"), "notumor")
    verdict = series_verdict(series(), scores((0.3, 0.6, 0.1)), classes, VerdictSettings())
    assert (verdict.name, verdict.reason) == ("tumor", "tumor")
    assert verdict.confidence == pytest.approx(0.9)  # p_tumor, like every verdict `tumor`


@pytest.mark.parametrize(
    ("n_stripped", "n", "flags"), [(3, 5, ("skull_stripped",)), (2, 5, ()), (2, 4, ())]
)
def test_most_eligible_slices_are_stripped_in_a_stripped_series(
    n_stripped: int, n: int, flags: tuple[str, ...]
) -> None:
    found = [
        replace(s, flags=("skull_stripped",) if s.ref.index < n_stripped else ())
        for s in looking()[:n]
    ]
    verdict = verdict_on(found)
    assert verdict.flags == flags and verdict.name == "glioma"  # a flag, no refusal


TWO_TUMORS = Classes(("glioma", "meningioma", "notumor"), "notumor")


@pytest.mark.parametrize(
    ("row", "rules", "expected"),
    [
        ((0.5, 0.25, 0.25), {"tumor_above": 0.75}, ("glioma", "tumor")),
        ((0.125, 0.125, 0.75), {"notumor_below": 0.25}, ("notumor", "no_tumor")),
        ((0.5, 0.0, 0.5), {"tumor_above": 0.75, "min_confidence": 0.5}, "between_thresholds"),
        ((0.25, 0.25, 0.5), {"tumor_above": 0.5, "min_confidence": 0.25}, ("glioma", "tumor")),
        ((0.375, 0.375, 0.25), {"min_class_share": 0.5}, ("glioma", "tumor")),
        ((0.375, 0.375, 0.25), {"min_class_share": 0.501}, ("tumor", "kind_open")),
        ((0.375, 0.375, 0.25), {"min_confidence": 0.375}, ("glioma", "tumor")),
    ],
)
def test_a_value_equal_to_a_limit_meets_it(
    row: tuple[float, ...], rules: dict[str, float], expected: tuple[str, str] | str
) -> None:
    """The numbers are sums of powers of two, so that nothing is rounded."""
    limits = {"tumor_above": 0.5, "notumor_below": 0.25, "min_confidence": 0.25, **rules}
    chosen = VerdictSettings.model_validate(limits)
    verdict = series_verdict(series(), scores(*[row] * 4), TWO_TUMORS, chosen)
    if isinstance(expected, str):
        expected = ("indeterminate", expected)
    assert (verdict.name, verdict.reason) == expected


@pytest.mark.parametrize(("notumor", "name"), [(0.875, "notumor"), (0.8125, "indeterminate")])
def test_p_tumor_equal_to_the_limit_without_contrast_is_no_tumor(notumor: float, name: str) -> None:
    rules = VerdictSettings(notumor_below=0.25, notumor_below_without_contrast=0.125)
    row = (1 - notumor, 0.0, notumor, 0.0)
    assert verdict_on(scores(row), rules, sequence="t1").name == name


def test_slices_with_p_tumor_equal_to_the_limit_affect_the_class() -> None:
    run, others = [(0.46875, 0.5, 0.03125)] * 3, [(0.75, 0.0, 0.25)] * 10
    rules = VerdictSettings(tumor_above=0.75)
    assert series_verdict(series(), scores(*run), TWO_TUMORS, rules).name == "meningioma"
    assert series_verdict(series(), scores(*run, *others), TWO_TUMORS, rules).name == "glioma"


def test_domain_scores_equal_to_their_limits_raise_no_flag() -> None:
    at_limits = {"max_distance": 1.0, "brain_distance": 1.5, "min_t1": 0.5, "min_contrast": 0.5}
    rules = VerdictSettings.model_validate(at_limits)
    found = looking(distance=1.0, t1=0.5, contrast=0.5)
    assert verdict_on(found, rules, sequence="unknown").flags == ("contrast_unstated",)
    farther = verdict_on(looking(distance=1.5), rules)
    assert farther.flags == ("out_of_distribution",)
