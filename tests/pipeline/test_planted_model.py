"""Tables and pictures of a network with known outputs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.outputs.pictures import _HEADER_HEIGHT, _LEFTS, _PANEL, _TILE
from batchmri.pipeline.commands.reclassify import reclassify
from batchmri.pipeline.scan import scan
from batchmri.records import FloatArray
from batchmri.settings import Settings
from tests.pipeline.builders import changed, write_series
from tests.pipeline.outputs import contents, table

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
Plant = Callable[[int], None]


class Planted:
    """A backend that predicts one class for all slices, with a spot in its class map."""

    batch_size = 8
    bias = np.array([0.3, 0.2, 0.1, 0.0], np.float32)

    def __init__(self, position: int) -> None:
        self._position = position

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Class maps and features of a batch."""
        maps = np.broadcast_to(self.bias[:, None, None], (len(batch), 4, 4, 4)).copy()
        maps[:, self._position, 1, 2] += 16 * 9
        return maps, np.zeros((len(batch), 1504), np.float32)


class NotFinite(Planted):
    """Returns values that are not finite for three of four slices."""

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        maps, features = super().run(batch)
        maps[1::2, 0, 0, 0] = np.nan
        features[2::4, 5] = np.inf
        return maps, features


@contextmanager
def planted(position: int) -> Iterator[None]:
    """Let scans predict the class at this index of the card for every slice."""
    with pytest.MonkeyPatch.context() as patch:
        plant_in(patch, position)
        yield


def plant_in(patch: pytest.MonkeyPatch, position: int) -> None:
    patch.setattr("batchmri.pipeline.run.loaded_model.load_backend", lambda *_: Planted(position))


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Let scans predict the class at a given index of the card until the end of the test."""
    return partial(plant_in, monkeypatch)


def panel_colors(path: Path) -> tuple[int, int]:
    """The strongest color in the left and in the right panel of a picture."""
    picture = cv2.imread(str(path)).astype(int)
    left, right = (
        np.ptp(picture[_HEADER_HEIGHT : _HEADER_HEIGHT + _PANEL, x : x + _PANEL], axis=2).max()
        for x in _LEFTS
    )
    return int(left), int(right)


@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_the_class_and_its_heat_map_are_those_of_the_card(
    tmp_path: Path, plant: Plant, settings: Settings, position: int
) -> None:
    plant(position)
    write_series(tmp_path / "archive", SeriesDescription="AX T1 +C")
    out = tmp_path / "out"
    scan([tmp_path / "archive"], out=out, settings=settings)
    (series,) = table(out, "series")
    assert series["verdict"] == CLASSES[position]
    assert series["verdict_reason"] == ("no_tumor" if position == 2 else "tumor")
    slices = table(out, "slices")
    assert {row["predicted"] for row in slices} == {CLASSES[position]}
    for row in slices:
        likelihoods = {name: float(row[f"p_{name}"]) for name in CLASSES}
        assert max(likelihoods, key=lambda name: likelihoods[name]) == CLASSES[position]
        tumor = 1 - likelihoods["notumor"]
        assert float(row["p_tumor"]) == pytest.approx(tumor, abs=2e-4)
    drawn = [row["gradcam_png"] for row in slices if row["gradcam_png"]]
    assert len(drawn) == 3  # the deciding slices, though one picture was requested
    for path in drawn:
        left, right = panel_colors(out / path)
        assert left == 0 and right > 60


def test_deciding_slices_are_drawn_and_come_first(
    tmp_path: Path, plant: Plant, settings: Settings
) -> None:
    plant(0)
    write_series(tmp_path / "archive", SeriesDescription="AX T1 +C", n=8)
    out = tmp_path / "out"
    scan([tmp_path / "archive"], out=out, settings=settings)
    (study,), (series,) = table(out, "studies"), table(out, "series")
    drawn = {row["slice_index"]: row["gradcam_png"] for row in table(out, "slices")}
    best = drawn[study["deciding_slice"]]
    assert best and series["deciding_slice"] == study["deciding_slice"]
    montage = cv2.imread(str(out / study["montage_png"]))
    first = cv2.imread(str(out / best))
    head = montage.shape[0] % _TILE
    assert (montage[head : head + _TILE, : first.shape[1]] == first[:_TILE]).all()


def test_a_series_of_another_sequence_gets_no_class_caption_and_no_color(
    tmp_path: Path, plant: Plant, settings: Settings
) -> None:
    plant(0)
    settings = changed(settings, "selection", all_sequences=True)
    write_series(tmp_path / "archive", SeriesDescription="AX FLAIR")
    out = tmp_path / "out"
    scan([tmp_path / "archive"], out=out, settings=settings)
    (series,) = table(out, "series")
    assert (series["verdict"], series["verdict_reason"]) == ("indeterminate", "other_sequence")
    drawn = [row["gradcam_png"] for row in table(out, "slices") if row["gradcam_png"]]
    assert drawn
    for path in [*drawn, table(out, "studies")[0]["montage_png"]]:
        assert np.ptp(cv2.imread(str(out / path)).astype(int), axis=2).max() == 0


def test_pictures_of_other_rules_are_blank_until_the_next_scan(
    tmp_path: Path, plant: Plant, settings: Settings
) -> None:
    """With a longer run other slices are deciding, so existing pictures no longer match."""
    plant(1)
    write_series(tmp_path / "archive", SeriesDescription="AX T1 +C", n=8)
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    scan([tmp_path / "archive"], out=out, settings=settings)
    longer = changed(settings, "verdict", top_slices=5)
    reclassify(out, settings=longer)
    assert not any(row["gradcam_png"] for row in table(out, "slices"))
    assert table(out, "studies")[0]["montage_png"] == ""
    reclassify(out, settings=settings)
    paths = [row["gradcam_png"] for row in table(out, "slices") if row["gradcam_png"]]
    assert len(paths) == 3 and all((out / path).is_file() for path in paths), "as before"
    reclassify(out, settings=longer)
    scan([tmp_path / "archive"], out=out, settings=longer)
    assert sum(bool(row["gradcam_png"]) for row in table(out, "slices")) == 5
    scan([tmp_path / "archive"], out=fresh, settings=longer)
    assert contents(out) == contents(fresh)


def test_slices_without_finite_values_of_the_network_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr("batchmri.pipeline.run.loaded_model.load_backend", lambda *_: NotFinite(0))
    write_series(tmp_path / "archive", SeriesDescription="AX T1 +C", n=8)
    out = tmp_path / "out"
    assert scan([tmp_path / "archive"], out=out, settings=settings).exit_code == 1
    (series,) = table(out, "series")
    assert (series["status"], series["detail"]) == ("classified", "6 x bad_pixels")
    assert len(table(out, "slices")) == 2
    assert {row["reason"] for row in table(out, "files")} == {"bad_pixels"}
    assert scan([tmp_path / "archive"], out=out, settings=settings).exit_code == 0
