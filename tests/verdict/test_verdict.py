from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from batchmri.records import (
    Classes,
    CropBox,
    Header,
    Look,
    Scores,
    Series,
    SeriesKey,
    SliceRef,
    Verdict,
)
from batchmri.settings import VerdictSettings
from batchmri.verdict import series_verdict, study_verdict

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
    assert verdict.deciding_slice == 0


def test_no_class_above_the_threshold_is_indeterminate_and_shows_the_likeliest_tumor() -> None:
    verdict = verdict_on(scores((0.1, 0.35, 0.45, 0.1)))
    assert verdict.name == "indeterminate"
    assert verdict.confidence == pytest.approx(0.45)
    assert verdict.shown_class == "meningioma"


def test_slices_with_a_small_or_failed_box_do_not_decide() -> None:
    boxes = {0: CropBox(0, 0, 20, 20), 1: CropBox(0, 0, 200, 200, failed=True)}
    found = scores(GLIOMA, GLIOMA, HEALTHY, boxes=boxes)
    rules = VerdictSettings(top_slices=1, min_box_fraction=0.01)
    assert verdict_on(found, rules).name == "glioma"
    assert verdict_on(found, VerdictSettings(min_box_fraction=0.2)).name == "notumor"


def test_where_every_box_failed_all_slices_decide() -> None:
    found = scores(GLIOMA, boxes={0: CropBox(0, 0, 9, 9, failed=True)})
    assert verdict_on(found).name == "glioma"


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


def test_a_series_in_the_field_decides_before_one_outside() -> None:
    inside, outside = SeriesKey("1", "1"), SeriesKey("1", "2")
    strange = verdict_on(looking(distance=3.0, row=GLIOMA))
    found = study_verdict(
        {inside: ("unknown", verdict_of(HEALTHY)), outside: ("t1_contrast", strange)}, CLASSES
    )
    assert found is not None and found[0] == inside


def test_suspicious_slices_decide_only_together() -> None:
    rows = [HEALTHY] * 60
    for lonely in (5, 20, 40):
        rows[lonely] = GLIOMA
    assert verdict_on(scores(*rows)).name == "notumor"
    rows[30:33] = [GLIOMA] * 3
    assert verdict_on(scores(*rows)).deciding_slice == 30


def test_in_a_long_series_a_longer_run_has_to_agree() -> None:
    rows = [HEALTHY] * 170
    rows[80:83] = [GLIOMA] * 3
    assert verdict_on(scores(*rows), VerdictSettings(run_fraction=0.05)).name == "notumor"
    assert verdict_on(scores(*rows), VerdictSettings(run_fraction=0)).name == "glioma"


def test_between_the_two_thresholds_nobody_knows() -> None:
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
    look = Look(distance, t1, contrast)
    return [replace(found, look=look) for found in scores(*[row] * 5)]


@pytest.mark.parametrize(
    ("look", "flag"),
    [
        ({"distance": 1.2}, "out_of_field"),
        ({"distance": 1.9}, "looks_not_brain"),
        ({"t1": 0.2}, "looks_other_sequence"),
    ],
)
def test_outside_of_the_field_no_tumor_is_called(look: dict[str, float], flag: str) -> None:
    verdict = verdict_on(looking(**look))
    assert verdict.name == "indeterminate" and flag in verdict.flags
    assert verdict_on(looking()).name == "glioma" and not verdict_on(looking()).flags


def test_the_ends_of_a_head_do_not_speak_for_the_field() -> None:
    found = looking()
    found[0] = replace(found[0], look=Look(5.0, 0.0, 0.0))
    verdict = verdict_on(found)
    assert verdict.flags == () and verdict.distance == 0.5


def test_another_sequence_by_its_header_is_flagged_whatever_it_looks_like() -> None:
    assert verdict_on(looking(), sequence="flair").flags == ("looks_other_sequence",)


def test_no_tumor_without_contrast_is_not_confident() -> None:
    plain = verdict_on(looking(contrast=0.1, row=HEALTHY), sequence="unknown")
    assert plain.name == "notumor" and plain.flags == ("without_contrast",)
    assert plain.confidence == 0.75 and plain.probabilities[2] == pytest.approx(0.95)
    stated = verdict_on(looking(contrast=0.1, row=HEALTHY), sequence="t1_contrast")
    assert stated.confidence == pytest.approx(0.95) and not stated.flags


def test_coarse_pictures_are_flagged() -> None:
    assert verdict_on(scores(HEALTHY), pixel_spacing=(4.0, 4.0)).flags == ("low_quality",)
    assert verdict_on(scores(HEALTHY), rows=40).flags == ("low_quality",)


def test_a_study_without_a_classified_series_has_no_verdict() -> None:
    assert study_verdict({}, CLASSES) is None
