"""Sheets of pictures: the worst mistakes, and Grad-CAM of every class."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from batchmri.evaluation.inference import Mask, RowPredictions, prepared_picture
from batchmri.evaluation.localisation import resized
from batchmri.model.gradcam import gradcam
from batchmri.outputs import drawing as canvas
from batchmri.outputs.atomic_write import write_atomic
from batchmri.outputs.pictures import heated
from batchmri.preparation.transforms import PreparationSettings

TILE = 192
WORST = 30
_GAP, _HEAD, _LINE = 10, 34, 15
_COLUMNS = 6
_PER_CLASS = 3
_OUTLINE: canvas.Colour = (120, 255, 120)
Tile = tuple[canvas.Image, Sequence[str]]  # with lines that stand below


def write_sheets(judged: RowPredictions, settings: PreparationSettings, folder: Path) -> None:
    """Write mistakes.png and gradcam.png; a sheet for which there is nothing is removed."""
    sheets = {
        "mistakes": (
            "Called wrong, the surest first",
            [_mistake(judged, index, settings) for index in worst(judged, WORST)],
        ),
        "gradcam": (
            "Prepared pictures beside Grad-CAM of the class called; outlined: the mask",
            [tile for index in examples(judged) for tile in _explained(judged, index, settings)],
        ),
    }
    for name, (title, tiles) in sheets.items():
        write_sheet(folder / f"{name}.png", title, tiles)


def write_sheet(path: Path, title: str, tiles: Sequence[Tile]) -> None:
    """Write a sheet (.png) of tiles of TILE pixels; with none, remove an earlier run's."""
    if tiles:
        write_atomic(path, canvas.png(_sheet(title, tiles)))
    else:
        path.unlink(missing_ok=True)


def worst(judged: RowPredictions, at_most: int) -> list[int]:
    """Rows called wrong, those of the highest probability for the wrong class first."""
    confidence = judged.probabilities.max(1)
    wrong = np.flatnonzero(judged.called != judged.labels)
    ordered = wrong[np.argsort(-confidence[wrong], kind="stable")]
    return [int(index) for index in ordered[:at_most]]


def examples(judged: RowPredictions) -> list[int]:
    """A few rows of each class, evenly from all of them."""
    chosen: list[int] = []
    for label in range(len(judged.classes)):
        own = np.flatnonzero(judged.labels == label)
        places = np.linspace(0, len(own) - 1, _PER_CLASS).round().astype(int)
        chosen += own[np.unique(places)].tolist() if len(own) else []
    return chosen


def _mistake(judged: RowPredictions, index: int, settings: PreparationSettings) -> Tile:
    return _plain(prepared_picture(judged.rows[index], settings)), _told(judged, index)


def _explained(judged: RowPredictions, index: int, settings: PreparationSettings) -> list[Tile]:
    grey = _plain(prepared_picture(judged.rows[index], settings))
    called = int(judged.called[index])
    heat = resized(gradcam(judged.maps[index], judged.bias)[called], grey.shape)
    strength = np.clip(heat / max(float(heat.max()), 1e-9), 0, 1)
    overlaid = heated(grey, strength)
    if index in judged.masks:
        _outline(grey, judged.masks[index])
        _outline(overlaid, judged.masks[index])
    return [(grey, _told(judged, index)), (overlaid, ("", judged.classes[called]))]


def _plain(picture: canvas.Image) -> canvas.Image:
    tile = cv2.resize(picture, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.cvtColor(tile, cv2.COLOR_GRAY2BGR), np.uint8)


def _outline(tile: canvas.Image, mask: Mask) -> None:
    shape = cv2.resize(mask.astype(np.uint8), (TILE, TILE), interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(tile, contours, -1, _OUTLINE, 1)


def _told(judged: RowPredictions, index: int) -> tuple[str, str]:
    label, called = int(judged.labels[index]), int(judged.called[index])
    sure = judged.probabilities[index, called]
    row = judged.rows[index]
    name = row.file.name if row.slice is None else f"{row.file.name} {row.plane} {row.slice}"
    told = "called so" if label == called else f"called {judged.classes[called]}"
    return f"{judged.classes[label]}, {told} {sure:.2f}", name


def _sheet(title: str, tiles: Sequence[Tile]) -> canvas.Image:
    height = TILE + _LINE * max(len(lines) for _, lines in tiles) + 14
    rows = -(-len(tiles) // _COLUMNS)
    sheet = canvas.black(_HEAD + rows * height, _COLUMNS * (TILE + _GAP) + _GAP)
    canvas.text(sheet, title, (_GAP, 23), 16)
    for number, (tile, lines) in enumerate(tiles):
        row, column = divmod(number, _COLUMNS)
        top, left = _HEAD + row * height, _GAP + column * (TILE + _GAP)
        canvas.place(sheet, tile, top, left)
        for place, line in enumerate(lines):
            colour = canvas.BRIGHT if place == 0 else canvas.DIM
            canvas.text(sheet, _fitting(line), (left, top + TILE + _LINE * (place + 1)), 12, colour)
    return sheet


def _fitting(line: str) -> str:
    """The line, cut in its middle where it is wider than a tile."""
    if canvas.text_width(line, 12) <= TILE:
        return line
    kept = len(line)
    while kept > 2 and canvas.text_width(_shortened(line, kept), 12) > TILE:
        kept -= 1
    return _shortened(line, kept)


def _shortened(line: str, kept: int) -> str:
    return f"{line[: kept // 2]}…{line[len(line) - kept // 2 :]}"
