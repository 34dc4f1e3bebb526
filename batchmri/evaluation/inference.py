"""What a network says of every row: one pass, prepared and run as in a scan."""

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
from batchmri.training.images import read_mask, read_picture
from batchmri.training.table import Row

Mask = npt.NDArray[np.bool_]


Advance = Callable[[int], None]
"""Told how many more rows are done."""


@dataclass(frozen=True, slots=True)
class RowPredictions:
    """Rows, and by their index what they are and what the network says of them.

    `labels` (n,) places in `classes`; `probabilities` (n, classes), calibrated; `maps` (n, classes,
    h, w) and `bias` (classes,) of the network; `masks` (size, size) where a row has one, in the
    prepared picture; `groups` (n,) which rows are drawn together in a bootstrap.
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
    def called(self) -> Ints:
        """The leading class of each row."""
        return np.asarray(self.probabilities.argmax(1), np.int64)

    def part(self, indices: Indices) -> "RowPredictions":
        """The rows of these indices."""
        return RowPredictions(
            [self.rows[index] for index in indices],
            self.classes,
            self.no_tumor,
            self.labels[indices],
            self.probabilities[indices],
            self.maps[indices],
            self.bias,
            {
                place: self.masks[index]
                for place, index in enumerate(indices.tolist())
                if index in self.masks
            },
            self.groups[indices],
        )


def ask(
    rows: Sequence[Row], backend: Backend, card: Card, groups: Ints, advance: Advance
) -> RowPredictions:
    """Prepare and classify every row. Raises UsageError for a picture that cannot be read."""
    settings = PreparationSettings.model_validate(card.preparation)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # the error raised says it
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
    """Class maps (n, outputs, h, w) of rows; `masks` is filled with those that rows have."""
    found: list[FloatArray] = []
    for batch in _batches(rows, settings, backend.batch_size, masks):
        maps, _ = backend.run(batch)
        found.append(maps)
        advance(len(batch))
    return np.concatenate(found)


def prepared_picture(row: Row, settings: PreparationSettings) -> npt.NDArray[np.uint8]:
    """The prepared picture of a row (size, size), 0 black to 255 white."""
    picture, spacing = read_picture(row)
    pixels = prepare(picture[None], spacing, settings).pixels[0, 0].numpy()
    unit = (pixels - settings.black) / (settings.white - settings.black)
    return np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)


def _batches(
    rows: Sequence[Row], settings: PreparationSettings, size: int, masks: dict[int, Mask] | None
) -> Iterator[FloatArray]:
    for start in range(0, len(rows), size):
        pixels = []
        for index, row in enumerate(rows[start : start + size], start):
            picture, spacing = read_picture(row)
            prepared = prepare(picture[None], spacing, settings)
            pixels.append(prepared.pixels.numpy())
            if row.mask is not None and masks is not None:
                shares = prepare_mask(read_mask(row), prepared.boxes[0], spacing, settings.size)
                masks[index] = shares[0].numpy() > 0.5
        yield np.concatenate(pixels)
