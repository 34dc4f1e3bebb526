"""Contact sheets: the most confident mistakes, and Grad-CAM examples of every class."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from batchmri.evaluation.inference import Mask, RowPredictions, prepared_image
from batchmri.evaluation.localization import resized
from batchmri.model.gradcam import gradcam
from batchmri.outputs import drawing as canvas
from batchmri.outputs.atomic_write import write_atomic
from batchmri.outputs.pictures import heated
from batchmri.preparation.transforms import PreparationSettings

TILE = 192
WORST = 30
_GAP, _TITLE_HEIGHT, _LINE_HEIGHT = 10, 34, 15
_COLUMNS = 6
_PER_CLASS = 3
_OUTLINE: canvas.Color = (120, 255, 120)
Tile = tuple[canvas.Image, Sequence[str]]
"""An image of TILE x TILE pixels and the lines of its caption."""


def write_sheets(predictions: RowPredictions, settings: PreparationSettings, folder: Path) -> None:
    """Write mistakes.png and gradcam.png; delete a sheet that would be empty."""
    sheets = {
        "mistakes": (
            "Misclassified images, by descending confidence",
            [_mistake_tile(predictions, index, settings) for index in worst(predictions, WORST)],
        ),
        "gradcam": (
            "Prepared images and Grad-CAM of the predicted class; outline: the mask",
            [
                tile
                for index in examples(predictions)
                for tile in _gradcam_tiles(predictions, index, settings)
            ],
        ),
    }
    for name, (title, tiles) in sheets.items():
        write_sheet(folder / f"{name}.png", title, tiles)


def write_sheet(path: Path, title: str, tiles: Sequence[Tile]) -> None:
    """Write a PNG contact sheet of tiles; without tiles, delete the file of an earlier run."""
    if tiles:
        write_atomic(path, canvas.png(_sheet(title, tiles)))
    else:
        path.unlink(missing_ok=True)


def worst(predictions: RowPredictions, at_most: int) -> list[int]:
    """Return the misclassified rows in descending order of the probability of the wrong class."""
    confidence = predictions.probabilities.max(1)
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    ordered = wrong[np.argsort(-confidence[wrong], kind="stable")]
    return [int(index) for index in ordered[:at_most]]


def examples(predictions: RowPredictions) -> list[int]:
    """Return a few evenly spaced rows of each class."""
    selected: list[int] = []
    for label in range(len(predictions.classes)):
        class_rows = np.flatnonzero(predictions.labels == label)
        positions = np.linspace(0, len(class_rows) - 1, _PER_CLASS).round().astype(int)
        selected += class_rows[np.unique(positions)].tolist() if len(class_rows) else []
    return selected


def _mistake_tile(predictions: RowPredictions, index: int, settings: PreparationSettings) -> Tile:
    image = _to_tile(prepared_image(predictions.rows[index], settings))
    return image, _caption(predictions, index)


def _gradcam_tiles(
    predictions: RowPredictions, index: int, settings: PreparationSettings
) -> list[Tile]:
    image = _to_tile(prepared_image(predictions.rows[index], settings))
    predicted = int(predictions.predicted[index])
    heatmap = resized(gradcam(predictions.maps[index], predictions.bias)[predicted], image.shape)
    strength = np.clip(heatmap / max(float(heatmap.max()), 1e-9), 0, 1)
    overlay = heated(image, strength)
    if index in predictions.masks:
        _outline(image, predictions.masks[index])
        _outline(overlay, predictions.masks[index])
    return [(image, _caption(predictions, index)), (overlay, ("", predictions.classes[predicted]))]


def _to_tile(image: canvas.Image) -> canvas.Image:
    tile = cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.cvtColor(tile, cv2.COLOR_GRAY2BGR), np.uint8)


def _outline(tile: canvas.Image, mask: Mask) -> None:
    shape = cv2.resize(mask.astype(np.uint8), (TILE, TILE), interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(tile, contours, -1, _OUTLINE, 1)


def _caption(predictions: RowPredictions, index: int) -> tuple[str, str]:
    label, predicted = int(predictions.labels[index]), int(predictions.predicted[index])
    confidence = predictions.probabilities[index, predicted]
    row = predictions.rows[index]
    name = row.file.name if row.slice is None else f"{row.file.name} {row.plane} {row.slice}"
    outcome = "" if label == predicted else f" {predictions.classes[predicted]}"
    return f"{predictions.classes[label]}, predicted{outcome} {confidence:.2f}", name


def _sheet(title: str, tiles: Sequence[Tile]) -> canvas.Image:
    height = TILE + _LINE_HEIGHT * max(len(lines) for _, lines in tiles) + 14
    rows = -(-len(tiles) // _COLUMNS)
    sheet = canvas.black(_TITLE_HEIGHT + rows * height, _COLUMNS * (TILE + _GAP) + _GAP)
    canvas.text(sheet, title, (_GAP, 23), 16)
    for number, (tile, lines) in enumerate(tiles):
        row, column = divmod(number, _COLUMNS)
        top, left = _TITLE_HEIGHT + row * height, _GAP + column * (TILE + _GAP)
        canvas.place(sheet, tile, top, left)
        for place, line in enumerate(lines):
            color = canvas.BRIGHT if place == 0 else canvas.DIM
            baseline = top + TILE + _LINE_HEIGHT * (place + 1)
            canvas.text(sheet, _fit_to_tile(line), (left, baseline), 12, color)
    return sheet


def _fit_to_tile(line: str) -> str:
    """Return the line, shortened in the middle if it is wider than a tile."""
    if canvas.text_width(line, 12) <= TILE:
        return line
    length = len(line)
    while length > 2 and canvas.text_width(_shortened(line, length), 12) > TILE:
        length -= 1
    return _shortened(line, length)


def _shortened(line: str, length: int) -> str:
    return f"{line[: length // 2]}…{line[len(line) - length // 2 :]}"
