"""Content of pictures, depending on the verdict of the series."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.outputs.captions import SeriesCaption
from batchmri.outputs.pictures import _HEADER_HEIGHT, _LEFTS, _PANEL
from batchmri.outputs.strips import MAX_SLICES, strip_slices
from batchmri.pipeline.draw import (
    caption_of,
    draw_pictures,
    draw_report_strips,
    drawn_as,
    report_strips,
    series_caption,
    title_of,
    wanted_pictures,
)
from batchmri.reasons import VerdictReason
from batchmri.records import Classes, CropBox, Scores, SeriesKey, SliceRef, Verdict
from batchmri.settings.report import ReportSettings
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


def header(verdict: Verdict = GLIOMA, **rules: object) -> SeriesCaption:
    return series_caption(
        SERIES, verdict, CLASSES, "0a1b2c3d4e5f", ReportSettings.model_validate(rules)
    )


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
        header(verdict),
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
        (GLIOMA, "glioma 0.90, p_tumor 0.96", "glioma 0.70 in this slice", "glioma"),
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
        (OPEN_KIND, "tumor 0.96, kind open", "tumor 0.76 in this slice", "tumor"),
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
def test_the_caption_states_the_verdict_or_why_there_is_none(
    verdict: Verdict, title: str, note: str, heat_of: str
) -> None:
    caption = caption_of(SERIES, header(verdict), verdict, slice_scores(1, 0.7), CLASSES)
    assert (caption.series.title, caption.note, caption.heat_of) == (title, note, heat_of)
    assert (caption.slice_number, caption.n_slices) == (2, 2)


def test_only_deciding_slices_are_marked() -> None:
    marked = [
        caption_of(SERIES, header(), GLIOMA, slice_scores(i), CLASSES).deciding for i in range(4)
    ]
    assert marked == [False, True, True, False]


def test_the_title_of_a_study() -> None:
    assert title_of(GLIOMA, CLASSES) == "glioma 0.90, p_tumor 0.96"
    assert title_of(OPEN_KIND, CLASSES) == "tumor 0.96, kind open"
    outside = undecided(VerdictReason.OUT_OF_DISTRIBUTION)
    assert title_of(outside, CLASSES) == "no verdict: looks unlike the training images"


@pytest.mark.parametrize(
    ("gradcam", "indices"),
    [("none", ()), ("top:1", (1, 2)), ("top:3", (1, 2, 0)), ("all", (1, 2, 0, 3, 4))],
)
def test_the_deciding_slices_are_always_drawn(gradcam: str, indices: tuple[int, ...]) -> None:
    scores = [slice_scores(index) for index in range(5)]
    assert wanted_pictures(scores, GLIOMA, CLASSES, ReportSettings(gradcam=gradcam)) == indices


def test_captions_name_source_description_flags_and_model() -> None:
    caption = header()
    assert (caption.source, caption.description, caption.model) == ("root/a/b", "AX T1", "0a1b2c3d")
    assert caption.flags == ("slices are missing",)
    assert header(descriptions=False).description == ""


def test_pictures_are_outdated_if_anything_they_show_changes() -> None:
    changes = (
        {"name": "indeterminate", "reason": VerdictReason.BETWEEN_THRESHOLDS},
        {"name": "indeterminate", "reason": VerdictReason.CLASS_UNSURE},
        {"shown_class": "meningioma"},
        {"deciding": (2, 3)},
        {"confidence": 0.8},
        {"flags": ("low_quality",)},
    )
    changed = [replace(GLIOMA, **change) for change in changes]  # type: ignore[arg-type]
    shown = {drawn_as(header(verdict), verdict) for verdict in changed}
    now = drawn_as(header(), GLIOMA)
    assert len(shown | {now}) == 7
    assert drawn_as(header(descriptions=False), GLIOMA) != now
    other = replace(GLIOMA, shown=(2, 1))
    assert drawn_as(header(other), other) == now


def strips(
    folder: Path, verdict: Verdict = GLIOMA, n: int = 4
) -> tuple[np.ndarray, np.ndarray | None]:
    """The slice strip, and the heat strip if there is one; every slice has a spot at (1, 2)."""
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 20
    scores = {index: slice_scores(index) for index in range(n)}
    pixels = {i: np.linspace(0, i + 1, 64 * 64, dtype=np.float32).reshape(64, 64) for i in range(n)}
    draw_report_strips(
        SERIES, verdict, scores, dict.fromkeys(scores, heat), pixels, CLASSES, folder
    )
    paths = {path.split("_")[-1]: folder / path for path in report_strips(SERIES, verdict, CLASSES)}
    assert all(path.is_file() for path in paths.values())
    assert cv2.imread(str(paths["thumb.jpg"])).shape == (96, 96, 3)
    drawn = cv2.imread(str(paths["slices.jpg"]), cv2.IMREAD_UNCHANGED)
    if "heat.png" not in paths:
        return drawn, None
    return drawn, cv2.imread(str(paths["heat.png"]), cv2.IMREAD_UNCHANGED)


def test_strips_have_a_cell_per_slice_and_heat_with_a_repeated_border(tmp_path: Path) -> None:
    slices, heat = strips(tmp_path)
    assert slices.shape == (4 * 256, 256)
    assert heat is not None and heat.shape == (4 * 6, 6, 4)
    for cell in np.split(heat, 4):
        assert np.unravel_index(cell[..., 3].argmax(), (6, 6)) == (2, 3)
        assert (cell[0] == cell[1]).all() and (cell[:, -1] == cell[:, -2]).all()


@pytest.mark.parametrize(
    "verdict",
    [
        replace(GLIOMA, name="notumor", reason=VerdictReason.NO_TUMOR, shown_class="notumor"),
        undecided(VerdictReason.OUT_OF_DISTRIBUTION),
        undecided(VerdictReason.OTHER_SEQUENCE),
    ],
)
def test_series_without_a_tumor_have_strips_without_heat(tmp_path: Path, verdict: Verdict) -> None:
    slices, heat = strips(tmp_path, verdict)
    assert slices.shape == (4 * 256, 256) and heat is None


def test_a_long_series_is_sampled_and_its_deciding_slices_are_kept() -> None:
    scores = [slice_scores(index) for index in range(200)]
    verdict = replace(GLIOMA, deciding=(101, 102, 103))
    chosen = strip_slices(scores, verdict)
    assert {0, 101, 102, 103, 199} <= set(chosen)
    assert MAX_SLICES - 3 <= len(chosen) <= MAX_SLICES
    assert list(chosen) == sorted(chosen)
    assert strip_slices(scores[:20], GLIOMA) == tuple(range(20))
    many = replace(GLIOMA, deciding=tuple(range(50, 100)))
    assert set(many.deciding) <= set(strip_slices(scores, many))
