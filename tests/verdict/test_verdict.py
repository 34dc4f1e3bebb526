import pytest

from batchmri.records import Classes, CropBox, Scores, SeriesKey, SliceRef, Verdict
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


def test_three_tumor_slices_of_24_make_a_tumor_series() -> None:
    rows = [HEALTHY] * 24
    rows[10:13] = [GLIOMA] * 3
    verdict = series_verdict(scores(*rows), CLASSES, VerdictSettings())
    assert verdict.name == "glioma"
    assert verdict.confidence == pytest.approx(0.9)
    assert verdict.deciding_slice == 10
    assert verdict.n_tumor_slices == 3
    assert verdict.shown[:3] == (10, 11, 12)


def test_one_tumor_slice_alone_does_not_outvote_two_healthy_ones() -> None:
    verdict = series_verdict(scores(GLIOMA, *[HEALTHY] * 20), CLASSES, VerdictSettings())
    assert verdict.name == "notumor"
    assert verdict.deciding_slice == 0


def test_no_class_above_the_threshold_is_indeterminate_and_shows_the_likeliest_tumor() -> None:
    verdict = series_verdict(scores((0.1, 0.35, 0.45, 0.1)), CLASSES, VerdictSettings())
    assert verdict.name == "indeterminate"
    assert verdict.confidence == pytest.approx(0.45)
    assert verdict.shown_class == "meningioma"


def test_slices_with_a_small_or_failed_box_do_not_decide() -> None:
    boxes = {0: CropBox(0, 0, 20, 20), 1: CropBox(0, 0, 200, 200, failed=True)}
    found = scores(GLIOMA, GLIOMA, HEALTHY, boxes=boxes)
    rules = VerdictSettings(top_slices=1, min_box_fraction=0.01)
    assert series_verdict(found, CLASSES, rules).name == "glioma"
    assert series_verdict(found, CLASSES, VerdictSettings(min_box_fraction=0.2)).name == "notumor"


def test_where_every_box_failed_all_slices_decide() -> None:
    found = scores(GLIOMA, boxes={0: CropBox(0, 0, 9, 9, failed=True)})
    assert series_verdict(found, CLASSES, VerdictSettings()).name == "glioma"


def verdict_of(row: tuple[float, ...]) -> Verdict:
    return series_verdict(scores(row), CLASSES, VerdictSettings())


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


def test_a_study_without_a_classified_series_has_no_verdict() -> None:
    assert study_verdict({}, CLASSES) is None
