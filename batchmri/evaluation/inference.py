"""Run a network on every row, with the same preparation and backend as in a scan."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.evaluation.intervals import Floats, Indices, Ints
from batchmri.model.backends.base import Backend
from batchmri.model.calibration import probabilities
from batchmri.model.card import Card
from batchmri.preparation.transforms import PreparationSettings, prepare, prepare_mask
from batchmri.records import FloatArray
from batchmri.training.images import read_image, read_mask
from batchmri.training.table import Row

Mask = npt.NDArray[np.bool_]


Advance = Callable[[int], None]
"""Callback that receives the number of newly finished rows."""


@dataclass(frozen=True, slots=True)
class RowPredictions:
    """Rows with their labels and the outputs of the network.

    `labels` (n,) are indices into `classes`; `probabilities` (n, classes) are calibrated; `maps`
    (n, classes, h, w) and `bias` (classes,) come from the network; `masks` contains the mask (size,
    size) of each row that has one, in coordinates of the prepared image, by row index; `groups`
    (n,) are the bootstrap groups.
    """

    rows: Sequence[Row]
    classes: tuple[str, ...]
    no_tumor: int
    labels: Ints
    probabilities: Floats
    maps: FloatArray
    bias: FloatArray
    masks: dict[int, Mask]
    groups: Ints

    @property
    def predicted(self) -> Ints:
        """The most probable class of each row (n,), as an index into `classes`."""
        return np.asarray(self.probabilities.argmax(1), np.int64)

    def part(self, indices: Indices) -> "RowPredictions":
        """Return the rows at these indices."""
        return RowPredictions(
            [self.rows[index] for index in indices],
            self.classes,
            self.no_tumor,
            self.labels[indices],
            self.probabilities[indices],
            self.maps[indices],
            self.bias,
            {
                position: self.masks[index]
                for position, index in enumerate(indices.tolist())
                if index in self.masks
            },
            self.groups[indices],
        )


def predict(
    rows: Sequence[Row], backend: Backend, card: Card, groups: Ints, advance: Advance
) -> RowPredictions:
    """Prepare and classify every row. Raises UsageError for an image that cannot be read."""
    settings = PreparationSettings.model_validate(card.preparation)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # read errors are raised
    masks: dict[int, Mask] = {}
    maps = run(rows, backend, settings, advance, masks)
    return RowPredictions(
        rows,
        card.classes,
        card.no_tumor_index,
        np.array([card.classes.index(row.label) for row in rows], np.int64),
        probabilities(maps, card.temperature),
        maps,
        backend.bias,
        masks,
        groups,
    )


def run(
    rows: Sequence[Row],
    backend: Backend,
    settings: PreparationSettings,
    advance: Advance,
    masks: dict[int, Mask] | None = None,
) -> FloatArray:
    """Return the class maps (n, outputs, h, w) of the rows and add their masks to `masks`."""
    batches: list[FloatArray] = []
    for batch in _batches(rows, settings, backend.batch_size, masks):
        maps, _ = backend.run(batch)
        batches.append(maps)
        advance(len(batch))
    return np.concatenate(batches)


def prepared_image(row: Row, settings: PreparationSettings) -> npt.NDArray[np.uint8]:
    """Return the prepared image of a row (size, size), from 0 (black) to 255 (white)."""
    image, spacing = read_image(row)
    pixels = prepare(image[None], spacing, settings).pixels[0, 0]
    unit = (pixels - settings.black) / (settings.white - settings.black)
    gray: npt.NDArray[np.uint8] = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
    return gray


def _batches(
    rows: Sequence[Row], settings: PreparationSettings, size: int, masks: dict[int, Mask] | None
) -> Iterator[FloatArray]:
    for start in range(0, len(rows), size):
        pixels = []
        for index, row in enumerate(rows[start : start + size], start):
            image, spacing = read_image(row)
            prepared = prepare(image[None], spacing, settings)
            pixels.append(prepared.pixels)
            if row.mask is not None and masks is not None:
                shares = prepare_mask(read_mask(row), prepared.boxes[0], spacing, settings.size)
                masks[index] = shares[0] > 0.5
        yield np.concatenate(pixels)
