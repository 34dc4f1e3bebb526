"""Content of pictures, depending on the verdict of the series."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.outputs.pictures import _HEADER_HEIGHT, _LEFTS, _PANEL
from batchmri.pipeline.draw import caption_of, draw_pictures, drawn_as, title_of, wanted_pictures
from batchmri.reasons import VerdictReason
from batchmri.records import Classes, CropBox, Scores, SeriesKey, SliceRef, Verdict
from batchmri.settings.sections import ReportSettings
from tests.outputs.records import series

CLASSES = Classes(("glioma", "meningioma", "notumor"), "notumor")
SERIES = series(key=SeriesKey("1.2", "1.3"), rows=64, columns=64, pixel_spacing=(1.0, 1.0))
GLIOMA = Verdict(
    "glioma",
    0.9,
    (0.9, 0.06, 0.04),
    1,
    VerdictReason.TUMOR,
    deciding=(1, 2),
    shown_class="glioma",
    shown=(1, 2, 0, 3),
)
OPEN_KIND = replace(
    GLIOMA, name="tumor", confidence=0.96, reason=VerdictReason.KIND_OPEN, shown_class="tumor"
)


def slice_scores(index: int, glioma: float = 0.9) -> Scores:
    row = (glioma, 0.06, 0.94 - glioma)
    return Scores(SliceRef("a", "a", "1", 1, index, 0.0), row, CropBox(0, 0, 64, 64))


def undecided(reason: VerdictReason) -> Verdict:
    return replace(GLIOMA, name="indeterminate", reason=reason)


def color(
    folder: Path, verdict: Verdict = GLIOMA, *, evidence: float = 20.0, glioma: float = 0.9
) -> int:
    """The strongest color in a picture whose heat map has a spot of the given evidence."""
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = evidence
    ((_, path),) = draw_pictures(
        SERIES,
        verdict,
        {1: slice_scores(1, glioma)},
        {1: heat},
        {1: np.full((64, 64), 100.0, np.float32)},
        CLASSES,
        folder,
    )
    picture = cv2.imread(str(folder / path)).astype(int)
    panel = picture[_HEADER_HEIGHT : _HEADER_HEIGHT + _PANEL, _LEFTS[1] : _LEFTS[1] + _PANEL]
    return int(np.ptp(panel, axis=2).max())


def test_color_follows_evidence_and_probability(tmp_path: Path) -> None:
    full = color(tmp_path)
    assert full > 100
    assert full / 3 < color(tmp_path, evidence=4) < full
    assert color(tmp_path, evidence=0.02) < full / 10
    assert color(tmp_path, glioma=0.02) < full / 5
    assert color(tmp_path, evidence=0) == 0


def test_color_of_an_open_kind_follows_p_tumor(tmp_path: Path) -> None:
    """The slice has a glioma probability of 0.3 and a p_tumor of 0.36."""
    assert color(tmp_path, OPEN_KIND, glioma=0.3) > color(tmp_path, glioma=0.3)
    assert color(tmp_path, OPEN_KIND, glioma=0.3) == color(tmp_path, glioma=0.36)


@pytest.mark.parametrize(
    "reason", [VerdictReason.OUT_OF_DISTRIBUTION, VerdictReason.OTHER_SEQUENCE]
)
def test_a_series_that_cannot_be_evaluated_has_no_color(
    tmp_path: Path, reason: VerdictReason
) -> None:
    assert color(tmp_path, undecided(reason), evidence=300) == 0


@pytest.mark.parametrize(
    ("verdict", "title", "note", "heat_of"),
    [
        (GLIOMA, "glioma  0.70", "", "glioma"),
        (
            undecided(VerdictReason.OUT_OF_DISTRIBUTION),
            "no verdict: looks unlike the training images",
            "",
            "",
        ),
        (
            undecided(VerdictReason.OTHER_SEQUENCE),
            "no verdict: not a T1-weighted sequence",
            "",
            "",
        ),
        (OPEN_KIND, "tumor  0.76", "kind open", "tumor"),
        (
            undecided(VerdictReason.BETWEEN_THRESHOLDS),
            "indeterminate: between the thresholds",
            "p_tumor 0.76 in this slice",
            "glioma",
        ),
        (
            undecided(VerdictReason.CLASS_UNSURE),
            "indeterminate: the class is uncertain",
            "p_tumor 0.76 in this slice",
            "glioma",
        ),
    ],
)
def test_the_caption_says_what_was_decided_or_why_nothing_was(
    verdict: Verdict, title: str, note: str, heat_of: str
) -> None:
    caption = caption_of(SERIES, verdict, slice_scores(1, 0.7), CLASSES)
    assert (caption.title, caption.note, caption.heat_of) == (title, note, heat_of)
    assert (caption.slice_number, caption.n_slices) == (2, 2)


def test_only_deciding_slices_are_marked() -> None:
    marked = [caption_of(SERIES, GLIOMA, slice_scores(i), CLASSES).deciding for i in range(4)]
    assert marked == [False, True, True, False]


def test_the_title_of_a_study() -> None:
    assert title_of(GLIOMA) == "glioma 0.90"
    assert title_of(OPEN_KIND) == "tumor 0.96, kind open"
    outside = undecided(VerdictReason.OUT_OF_DISTRIBUTION)
    assert title_of(outside) == "no verdict: looks unlike the training images"


@pytest.mark.parametrize(
    ("gradcam", "indices"),
    [("none", ()), ("top:1", (1, 2)), ("top:3", (1, 2, 0)), ("all", (1, 2, 0, 3, 4))],
)
def test_the_deciding_slices_are_always_drawn(gradcam: str, indices: tuple[int, ...]) -> None:
    scores = [slice_scores(index) for index in range(5)]
    assert wanted_pictures(scores, GLIOMA, CLASSES, ReportSettings(gradcam=gradcam)) == indices


def test_pictures_are_outdated_if_anything_they_show_changes() -> None:
    changes = (
        {"name": "indeterminate"},
        {"reason": VerdictReason.CLASS_UNSURE},
        {"shown_class": "meningioma"},
        {"deciding": (2, 3)},
    )
    shown = {drawn_as(replace(GLIOMA, **change)) for change in changes}  # type: ignore[arg-type]
    assert len(shown | {drawn_as(GLIOMA)}) == 5
    assert drawn_as(replace(GLIOMA, confidence=0.8, shown=(2, 1))) == drawn_as(GLIOMA)
