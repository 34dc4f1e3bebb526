"""Plots and contact sheets of labeled volumes, from constructed cases."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.evaluation.volume_join import Case
from batchmri.evaluation.volume_plots import tumor_curve, verdict_counts, write_volume_plots
from batchmri.evaluation.volume_sheet import Place, Shown, worst_cases, write_volume_mistakes
from batchmri.records import SeriesKey

CLASSES = ("glioma", "notumor", "pituitary")
OF_P_TUMOR = {"roc.png", "precision_recall.png", "reliability.png", "coverage.png"}


def case(name: str, label: str, verdict: str, tumor: float | None) -> Case:
    record = {
        "study_uid": name,
        "series_uid": name,
        "series_part": "",
        "source": f"data/{name}.nii",
        "deciding_slice": "4",
    }
    return Case(label, name, "", verdict, tumor, "" if verdict else "not_found", {}, record)


CASES = [
    case("missed", "glioma", "notumor", 0.1),
    case("found", "glioma", "glioma", 0.9),
    case("other", "glioma", "pituitary", 0.8),
    case("free", "notumor", "notumor", 0.2),
    case("alarm", "notumor", "glioma", 0.95),
    case("unsure", "notumor", "indeterminate", 0.5),
    case("lost", "glioma", "", None),
]


def read_gray(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return image


def test_verdict_counts_by_true_class() -> None:
    true, counts = verdict_counts(CASES, CLASSES)
    assert true == ("glioma", "notumor")
    assert counts.tolist() == [[1, 1, 1, 0, 0, 1], [1, 1, 0, 0, 1, 0]]
    (_, of_open_kind) = verdict_counts([case("open", "glioma", "tumor", 0.9)], CLASSES)
    assert of_open_kind.tolist() == [[0, 0, 0, 1, 0, 0]]


def test_tumor_curve_needs_verdicts_with_and_without_tumor() -> None:
    curve = tumor_curve("series", CASES, "notumor")
    assert curve is not None
    name, tumor, has_tumor = curve
    assert name == "series, n = 6"
    assert tumor.tolist() == [0.1, 0.9, 0.8, 0.2, 0.95, 0.5]
    assert has_tumor.tolist() == [True, True, True, False, False, False]
    assert tumor_curve("series", CASES[:3], "notumor") is None
    assert tumor_curve("series", CASES[3:], "notumor") is None  # the tumor has no verdict
    assert tumor_curve("series", [], "notumor") is None


def test_plots_are_reproducible_and_deleted_if_a_kind_is_missing(
    tmp_path: Path,
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_volume_plots(CASES, CASES, CLASSES, "notumor", tmp_path / folder)
    plots = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert set(plots) == OF_P_TUMOR | {"confusion.png"}
    assert plots == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert all(read_gray(tmp_path / "one" / name).std() > 5 for name in plots)
    write_volume_plots(CASES[:3], CASES, CLASSES, "notumor", tmp_path / "one")
    remaining = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    # The patients include both kinds.
    assert set(remaining) == {"confusion.png", "roc.png", "precision_recall.png"}
    assert all(content != plots[name] for name, content in remaining.items())
    write_volume_plots(CASES[:3], CASES[:3], CLASSES, "notumor", tmp_path / "one")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["confusion.png"]


def test_worst_cases_are_ordered_by_wrong_p_tumor() -> None:
    found = [one.patient for one in worst_cases(CASES, "notumor", 30)]
    assert found == ["alarm", "missed", "unsure", "other"]
    assert len(worst_cases(CASES, "notumor", 2)) == 2


def test_mistakes_show_the_deciding_slice_or_black_if_unreadable(tmp_path: Path) -> None:
    requested: list[Place] = []

    def read(places: Sequence[Place]) -> Mapping[Place, Shown]:
        requested.extend(places)
        ramp = np.linspace(0, 900, 40, dtype=np.float32)
        slices = np.stack([ramp] * 20)  # 40 mm high, 40 mm wide
        return dict.fromkeys(places[1:], (slices, (2.0, 1.0)))

    write_volume_mistakes(CASES[:5], "notumor", read, tmp_path)
    assert requested == [(SeriesKey(name, name), 4) for name in ("alarm", "missed", "other")]
    sheet = read_gray(tmp_path / "mistakes.png")
    unread, ramp = sheet[34 : 34 + 192, 10:202], sheet[34 : 34 + 192, 212:404]
    assert unread.max() == 0
    assert ramp[:, 150:].min() > ramp[:, :40].max()
    # The tile is square because of the pixel spacing.
    assert ramp[2, 150:].min() > 150 and ramp[-3, 150:].min() > 150
    assert sheet[34 + 192 :, 10:202].max() > 150  # the caption is drawn

    def unused(places: Sequence[Place]) -> Mapping[Place, Shown]:
        pytest.fail("nothing is to be read")

    write_volume_mistakes([CASES[1], CASES[6]], "notumor", unused, tmp_path)
    assert not (tmp_path / "mistakes.png").exists()
